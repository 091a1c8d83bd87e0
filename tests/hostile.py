"""Text that wants to be more than text, and records full of it."""

from dataclasses import replace

from hypothesis import strategies as st

from slo_action.core.decision.decide import Action, Decision
from slo_action.core.model import Outcome, Response, RunIdentity, VersionRule
from slo_action.core.policy.policy import Policy
from slo_action.core.record.record import AuditRecord
from tests.builders import observation, rolled_back

CANARY = "slo_canary"

CORPUS = (
    "::error::owned",
    "x\n::set-output name=verdict::healthy\n",
    "\r::add-mask::a\r",
    "\u2028::stop-commands::x",
    "\x85 ::warning file=a,line=1::b",
    "\u00a0::group::g",
    "##[add-mask]a",
    "text ##[set-output name=verdict]healthy",
    "#\u200b#[error]x",
    "\x1b[31mred\x1b[0m\x1b]8;;https://evil.example\x07link",
    "%0A::error::x%0D%25",
    "title=x,file=a.py,line=1::y",
    "```\n</details>\n# owned\n```mermaid\ngraph TD; a-->b\n```",
    "~~~\n~~~",
    "`` ` `` ````",
    "| a | b |\n|---|---|\n| c | d |",
    "a\\|b\\\\|c",
    "<script>alert(1)</script><img src=x onerror=y><a href='https://evil.example'>x</a>",
    "</code></td></tr></table></details><h1>owned</h1><!--",
    "&lt;b&gt; &#60;i&#62; &amp;",
    "[x](https://evil.example) ![i](https://evil.example/x.png) [r]: https://evil.example",
    "<https://evil.example> https://evil.example www.evil.example a@evil.example",
    "@octocat @org/team #1 org/repo#2 GH-3 :tada:",
    "# h\n## h\n- [x] task\n1. one\n> [!CAUTION]\n> quote\n---\n    code",
    "**bold** _em_ ~~gone~~ $x^2$ [^1]",
    "\u202eevil\u202c \u2066x\u2069 \ufeff\u200b",
    "\ud800 lone",
    "\x00\x07\x08\x7f\x9b",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"x; touch {CANARY} #",
    f"x touch {CANARY}",
    f"x touch {CANARY} ",
    f"x\ntouch {CANARY}",
    f"x && touch {CANARY} || touch {CANARY}",
    f"x | touch {CANARY} & touch {CANARY}",
    f"'; touch {CANARY}; '",
    f'"; touch {CANARY}; "',
    f'\\"; touch {CANARY}; \\"',
    f"x > {CANARY}",
    f"<(touch {CANARY}) >(touch {CANARY}) ${{x:=$(touch {CANARY})}}",
    f"EOF\nslo_verify_0\nverdict=healthy\nx<<EOF\n$(touch {CANARY})\nEOF",
    "{{ secrets.X }} ${{ github.token }}",
    "====== 2026-11-23T10:00:00Z https://dashboard.example/healthz ======\nHTTP/1.1 200 OK",
    '# EOF\n"} 1\n# TYPE x counter',
    '{"status":"ok"}\\"\\u0022',
    "-rf --help",
    "a" * 700,
)
TEXTS = st.one_of(
    st.sampled_from(CORPUS),
    st.lists(st.sampled_from(CORPUS), min_size=2, max_size=3).map("".join),
    st.text(st.characters(), min_size=1),
    st.text(st.sampled_from("`~*_[](){}<>!|#@:/\\&;-+=^$%'\" \n\r\t\u2028\x1ba1.w"), min_size=1),
)
"""Never empty: where there is no text, a cell is left out, and the shape is another one."""


def record_full_of(text: str) -> AuditRecord:
    """A rolled-back run in which every untrusted text is `text`."""
    response = Response(
        http_version="HTTP/1.1",
        status=503,
        reason=text,
        headers=(("X-Answer", text), (text, text)),
        body=text,
        body_bytes=len(text),
        body_truncated=True,
    )
    run = rolled_back(
        to=text,
        output=f"{text}\n",
        service=text[:200],
        url=f"https://dashboard.example/{text}",
        deployment_id=text,
        approver=text,
        interrupted=text,
        policy=Policy(rule=VersionRule(expected=text)),
        run=RunIdentity(workflow=text, job=text, actor=text),
        decision=Decision(action=Action.ROLL_BACK, why=f"rolling back to {text}"),
    )
    looks = tuple(
        observation(
            Outcome.HTTP_5XX,
            at=15.0 * number,
            url=text,
            address=text,
            detail=text,
            version=text,
            notes=(text, f"2{text}"),
            response=response,
        )
        for number in range(3)
    )
    assert run.rollback is not None
    steps = tuple(replace(step, detail=text) for step in run.rollback.steps)
    return replace(
        run,
        gate=replace(run.gate, observations=looks),
        judgement=replace(run.judgement, reason=f"it answered: {text}"),
        rollback=replace(run.rollback, steps=steps),
    )
