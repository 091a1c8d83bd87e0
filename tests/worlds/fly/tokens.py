"""Tokens: whose they are, and what they allow."""

from dataclasses import dataclass

_SCHEMES = ("bearer", "flyv1", "basic")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyToken:
    """A token. `app` None is any app of the organisation; `told_by` is what the ledger says."""

    value: str
    owner: str
    app: str | None = None
    may_write: bool = True
    may_read_releases: bool = True
    may_read_logs: bool = True


DEPLOY_TOKEN = "FlyV1 fm2_deploy,fm2_discharge"
READ_TOKEN = "FlyV1 fm2_readonly"
FOREIGN_TOKEN = "FlyV1 fm2_foreign"
PERSON_TOKEN = "fo1_person"


def usual_tokens(app: str) -> list[FlyToken]:
    """Return a deploy token of the app, a read-only one, one of another app, and a person's."""
    return [
        FlyToken(value=DEPLOY_TOKEN, owner="deployer", app=app, may_read_logs=False),
        FlyToken(value=READ_TOKEN, owner="reader", may_write=False),
        FlyToken(value=FOREIGN_TOKEN, owner="stranger", app=f"not-{app}"),
        FlyToken(value=PERSON_TOKEN, owner="person"),
    ]


def bare(value: str) -> str:
    """Return a token without its schemes, of which a header may carry several."""
    rest = value.strip()
    while rest.partition(" ")[0].lower() in _SCHEMES:
        rest = rest.partition(" ")[2].strip()
    return rest
