"""What stopped a run before it could judge: mistakes with their lines, and the job summary.

Mistakes quote files and inputs: all of it is untrusted.
"""

from collections.abc import Iterator

from slo_action.core.model import Annotation, Level
from slo_action.errors import InputError, Mistake, SloVerifyError
from slo_action.render.text.escape import fence, markdown, shortened
from slo_action.render.text.markdown import bullets, paragraphs
from slo_action.render.text.source import quoted_line

_LIMIT = 600
_MOST = 100


def mistake_lines(mistake: Mistake) -> Iterator[str]:
    """Yield the mistake, and beneath it the line it stands on with a caret under the column."""
    yield str(mistake)
    yield from _source(mistake)


def _source(mistake: Mistake) -> tuple[str, ...]:
    if not mistake.source:
        return ()
    return quoted_line(mistake.line or 1, mistake.source, mistake.column or 1)


def mistake_annotations(error: InputError) -> list[Annotation]:
    """Return one for each mistake, beside its line where it stands in a file."""
    return [
        Annotation(
            level=Level.ERROR,
            title="A mistake in the file" if mistake.path else error.title,
            message="\n".join(mistake_lines(mistake)),
            path=mistake.path,
            line=mistake.line,
            column=mistake.column,
        )
        for mistake in error.mistakes
    ]


def error_summary(error: SloVerifyError, next_step: str) -> str:
    """Return the job summary of a run that judged nothing, as Markdown."""
    mistakes = error.mistakes if isinstance(error, InputError) else ()
    rest = len(mistakes) - _MOST
    shown = bullets(map(_bullet, mistakes[:_MOST])) if mistakes else _inert(error.message)
    page = paragraphs(
        f"## ❌ {error.title}: nothing was verified",
        shown,
        f"{rest} more are in the log." if rest > 0 else "",
        f"**What next:** {_inert(next_step)}.",
    )
    return f"{page}\n"


def _bullet(mistake: Mistake) -> str:
    lines = fence("\n".join(_source(mistake))) if mistake.source else ""
    return paragraphs(_inert(str(mistake)), lines).replace("\n", "\n  ")


def _inert(text: str) -> str:
    return markdown(shortened(text, _LIMIT))
