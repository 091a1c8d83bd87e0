"""GitHub's REST API: the only user of ghapi, whose traps end here."""

from typing import Any

from slo_action.core.text.quoting import shown_value
from slo_action.core.text.secrets import Secret
from slo_action.errors import GitHubError
from slo_action.on_demand import on_demand

API_VERSION = "2022-11-28"
TIMEOUT_SECONDS = 20.0
_LONGEST_MESSAGE = 200
_PUBLIC_API = "https://api.github.com"
_FORBIDDEN, _NOT_FOUND = 403, 404


class GitHubApi:
    """A synchronous client for one repository. Only what this product calls."""

    def __init__(self, api_url: str, repository: str, token: Secret) -> None:
        owner, _, name = repository.partition("/")
        self._api: Any = on_demand("ghapi")(
            owner=owner,
            repo=name,
            token=token.reveal(),
            gh_host=api_url or _PUBLIC_API,  # without one, GH_HOST in the environment decides
            sync=True,
            timeout=TIMEOUT_SECONDS,
            debug=lambda *_: None,  # without one, GHAPI_DEBUG in the environment prints to stdout
        )
        # GITHUB_JWT_TOKEN in the environment would override the token that was given.
        self._api.headers["Authorization"] = f"token {token.reveal()}"
        self._api.headers["X-GitHub-Api-Version"] = API_VERSION

    def create_check_run(self, body: dict[str, Any]) -> int:
        """Create a check run and return its id. Raises GitHubError."""
        number: int = self._call(
            "create a check run", lambda: int(self._api.checks.create(**body).id)
        )
        return number

    def update_check_run(self, check_run_id: int, body: dict[str, Any]) -> None:
        """Update a check run; annotations are added to those it has. Raises GitHubError."""
        self._call(
            "update the check run",
            lambda: self._api.checks.update(check_run_id=check_run_id, **body),
        )

    def get_content(self, path: str, ref: str) -> object:
        """Return what the repository holds at a path of a commit, as GitHub returns it.

        A mapping for one thing, a list for a directory; an empty path is the root. Raises
        GitHubError, `missing` where there is nothing.
        """
        return self._call(
            "read a file of the base commit",
            lambda: self._api.repos.get_content(path=path, ref=ref),
            _MAY_NOT_READ,
        )

    def get_blob(self, sha: str) -> object:
        """Return a file's content by its digest: too large a one has none above.

        Raises GitHubError.
        """
        return self._call(
            "read a file of the base commit",
            lambda: self._api.git.get_blob(file_sha=sha),
            _MAY_NOT_READ,
        )

    def _call(self, what: str, call: Any, may_not: str = "") -> Any:  # noqa: ANN401 - ghapi is untyped
        try:
            return call()
        except on_demand("ghapi-error") as error:
            raise _github_error(what, error, may_not or _MAY_NOT) from None
        except Exception as error:  # noqa: BLE001 - its transport raises several kinds
            raise GitHubError(
                f"could not {what}: {type(error).__name__}", hint="see the log of the step"
            ) from None


def _github_error(what: str, error: Any, may_not: str) -> GitHubError:  # noqa: ANN401 - ghapi is untyped
    """Say which of a 403's meanings it is; the raw error text holds the whole body."""
    status = error.status_code
    said = " ".join(str(error.message or error.error_type or "").split())
    message = shown_value(said, _LONGEST_MESSAGE)
    if status is None:
        return GitHubError(
            f"could not {what}: no answer: {message}",
            hint="GitHub's API could not be reached from this runner",
        )
    limited = "rate limit" in message.lower()
    forbidden = status == _FORBIDDEN and not limited
    return GitHubError(
        f"could not {what}: HTTP {status}: {message}",
        hint=may_not if forbidden else _LIMITED if limited else _REFUSED,
        forbidden=forbidden,
        missing=status == _NOT_FOUND,
    )


_MAY_NOT = (
    "give the job `permissions: checks: write`, or set check-run: false; on pull requests "
    "from forks the token is read-only"
)
_MAY_NOT_READ = "give the job `permissions: contents: read`"
_LIMITED = "GitHub limits this token for now; nothing else is affected"
_REFUSED = "nothing else is affected; run the job again if the check run matters"
