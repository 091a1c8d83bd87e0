"""JSON paths (RFC 9535) and regular expressions (RE2): checked where written, used where probed.

Both libraries are imported only where a service has such an assertion or capture (ADR 0016).
"""

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from slo_action.on_demand import on_demand

if TYPE_CHECKING:
    from jsonpath import JSONPath, JSONPathEnvironment

MOST_NODES = 1000
"""A path that selects more of an answer is judged by its first ones."""
_LONGEST = 1000


def valid_json_path(text: str) -> str:
    """Return a JSON path as it is. Raises ValueError with the accepted form."""
    accepted = "write a JSON path by RFC 9535 that starts with `$`, such as $.items[0].id"
    if not text.startswith("$") or len(text) > _LONGEST:
        raise ValueError(accepted)
    try:
        _path(text)
    except (on_demand("jsonpath").JSONPathError, RecursionError) as error:
        raise ValueError(f"{accepted}: {str(error).splitlines()[0]}") from error
    return text


def valid_pattern(text: str) -> str:
    """Return a regular expression as it is. Raises ValueError with the accepted form."""
    accepted = "write a regular expression as RE2 takes it: no lookaround, no back-references"
    if not text or len(text) > _LONGEST:
        raise ValueError(f"{accepted}, at most {_LONGEST} characters")
    try:
        _pattern(text)
    except ValueError as error:
        raise ValueError(f"{accepted}: {error}") from error
    return text


def finds(pattern: str, text: str) -> bool:
    """Return whether a valid pattern is found in a text, in time linear in its length."""
    return _pattern(pattern).search(_whole(text)) is not None


def first_match(pattern: str, text: str) -> str | None:
    """Return what the first group of a valid pattern matches first, or all of it without a group.

    None where it is not found; empty where the group has no part in what is.
    """
    found = _pattern(pattern).search(_whole(text))
    return None if found is None else found[1 if found.re.groups else 0] or ""


def nodes(path: str, document: object) -> tuple[object, ...]:
    """Return the values that a valid path selects, in order; none where it leads nowhere."""
    compiled = _path(path)
    if isinstance(document, str):  # the library would take it for JSON text
        return (document,) if str(compiled) == "$" else ()
    try:
        found = islice(compiled.finditer(document), MOST_NODES)  # type: ignore[arg-type]
        return tuple(match.value for match in found)
    except (on_demand("jsonpath").JSONPathError, RecursionError):  # too deeply nested
        return ()


def _whole(text: str) -> str:
    """JSON may escape half of a surrogate pair, which has no UTF-8 form."""
    return text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=512)
def _pattern(text: str) -> Any:  # noqa: ANN401 - the library ships no types
    re2 = on_demand("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_whole(text), options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(shown) from error


@lru_cache(maxsize=512)
def _path(text: str) -> "JSONPath":
    return _environment().compile(text)  # type: ignore[return-value] # strict: never compound


@lru_cache(maxsize=1)
def _environment() -> "JSONPathEnvironment":
    """The standard alone, without the library's extensions; its regular expressions by RE2."""
    functions = on_demand("jsonpath-functions")

    class Matching(functions.FilterFunction):  # type: ignore[misc, name-defined]
        arg_types = [functions.ExpressionType.VALUE] * 2
        return_type = functions.ExpressionType.LOGICAL

        def __init__(self, form: str) -> None:
            self._form = form

        def __call__(self, value: object, pattern: object) -> bool:
            if not (isinstance(value, str) and isinstance(pattern, str)):
                return False
            try:
                return finds(self._form.format(pattern), value)
            except ValueError:
                return False

    environment: JSONPathEnvironment = on_demand("jsonpath").JSONPathEnvironment(strict=True)
    environment.function_extensions["match"] = Matching(r"\A(?:{})\z")
    environment.function_extensions["search"] = Matching("{}")
    return environment
