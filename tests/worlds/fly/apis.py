"""The platform behind HTTP: finds who answers, after limits, faults and rights."""

from dataclasses import dataclass

import httpx

from tests.worlds.fly import lease_api, machines_api, registry_api, releases_api
from tests.worlds.fly.app_state import AppState
from tests.worlds.fly.call import Answer, Call, Held, Route, demand_right, token_of
from tests.worlds.fly.faults import Trouble
from tests.worlds.fly.machine_json import LaggingList
from tests.worlds.fly.refusal import RefusalError, refused

_HOSTS = frozenset({"api.machines.dev", "api.fly.io", "registry.fly.io"})
_OWN_RIGHTS = frozenset({"graphql", "manifest"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came, when, and the status it was answered with; 0 where none was.

    A held answer's status is the one it had in the end.
    """

    at: float
    action: str
    line: str
    status: int
    owner: str


class FlyApis:
    """All APIs. `requests` holds what was asked."""

    def __init__(self, app_state: AppState) -> None:
        self._app_state = app_state
        self.listed = LaggingList(app_state)
        self._routes: tuple[Route, ...] = (
            *machines_api.routes(self.listed),
            *lease_api.routes(),
            *releases_api.routes(),
            *registry_api.routes(),
        )
        self._down: tuple[float, Trouble] | None = None
        self.requests: list[Asked] = []

    def is_ours(self, request: httpx.Request) -> bool:
        """Tell the APIs' requests from those of the app's users, by host or else by path."""
        path = request.url.path
        is_known = any(one.pattern.fullmatch(path) for one in self._routes)
        return is_known or path.startswith("/v1/") or request.url.host in _HOSTS

    def go_down(self, seconds: float, trouble: Trouble) -> None:
        """Answer nothing but trouble for so long."""
        self._down = (self._app_state.events_due.now + seconds, trouble)

    def action(self, request: httpx.Request) -> str:
        """Return what a request asks for; `unknown` where nobody answers it."""
        found = self._found(request)
        return found[0].action if found else "unknown"

    def answer(self, request: httpx.Request) -> Answer:
        """Answer a request as things stand now. Raises what a fault wants raised."""
        answer: Answer | None = None
        try:
            answer = self._answered(request)
            if isinstance(answer, Held):
                answer = self._attributed(request, answer)
            else:
                self._sign(request, answer)
            return answer
        finally:
            if not isinstance(answer, Held):
                self._record(request, answer)

    def _attributed(self, request: httpx.Request, held: Held) -> Held:
        """Return a held answer that is recorded when it is given."""

        def signed(response: httpx.Response) -> httpx.Response:
            self._sign(request, response)
            self._record(request, response)
            return response

        def ready() -> httpx.Response | None:
            response = held.ready()
            return signed(response) if response else None

        return Held(ready=ready, until=held.until, late=lambda: signed(held.late()))

    def _answered(self, request: httpx.Request) -> Answer:
        if self._down and self._app_state.events_due.now < self._down[0]:
            trouble = self._down[1]
            if not isinstance(trouble, int):
                raise trouble("the platform is down")
            return refused(RefusalError(trouble, "unavailable: the service is down"))
        line = f"{request.method} {request.url.path}"
        return self._app_state.faults.play(
            self.action(request), line, lambda: self._served(request)
        )

    def _served(self, request: httpx.Request) -> Answer:
        found = self._found(request)
        if found is None:
            return refused(RefusalError(404, "not_found: no such route"))
        served, call = found
        try:
            if served.is_limited:
                subject = call.named.get("machine") or call.named.get("app", "")
                self._app_state.limits.spend(served.action, subject)
            if served.action not in _OWN_RIGHTS:
                demand_right(self._app_state, call, writes=served.writes)
            return served.serve(self._app_state, call)
        except RefusalError as refusal:
            return refused(refusal)

    def _found(self, request: httpx.Request) -> tuple[Route, Call] | None:
        for one in self._routes:
            match = one.pattern.fullmatch(request.url.path)
            if match and one.method == request.method:
                return one, Call(request, match.groupdict(), token_of(self._app_state, request))
        return None

    def _sign(self, request: httpx.Request, response: httpx.Response) -> None:
        if request.url.path.startswith("/v1/"):
            response.headers["fly-request-id"] = f"01R{len(self.requests):023d}-ams"

    def _record(self, request: httpx.Request, response: httpx.Response | None) -> None:
        token = token_of(self._app_state, request)
        self.requests.append(
            Asked(
                at=self._app_state.events_due.now,
                action=self.action(request),
                line=f"{request.method} {request.url.path}",
                status=response.status_code if response else 0,
                owner=token.owner if token else "",
            )
        )
