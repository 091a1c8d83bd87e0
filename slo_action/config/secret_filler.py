"""What users write with `${secrets.NAME}` in it, and files that they name: filled in."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote

from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.config.inputs import Inputs
from slo_action.config.text.request_options import PEM, REQUEST_OPTIONS, sendable
from slo_action.config.text.url import credentials_in
from slo_action.core.journey.templates import SECRETS, UnfitValueError, filled, filled_url, names_in
from slo_action.core.request_options import DEFAULT_OPTIONS, Headers, RequestOptions
from slo_action.core.slo.services import Endpoint, Service
from slo_action.core.text.secrets import Secret, likely_secrets
from slo_action.errors import Mistake

_PRIVATE_KEY = "PRIVATE KEY-----"
_AS_INPUTS = ("health", "build")
"""Endpoints whose paths the inputs have by now."""


class SecretFiller:
    """Fills in secrets and files; `mistakes` are what cannot be.

    After a mistake, a text stays as it is. `files` are read below the workspace.
    """

    def __init__(self, inputs: Inputs, files: Callable[[], WorkspaceFiles]) -> None:
        self._values = {f"{SECRETS}{k}": secret.reveal() for k, secret in inputs.secrets.items()}
        self._files = files
        self._missing: set[str] = set()
        self.mistakes: list[Mistake] = []

    def inputs(self, inputs: Inputs, service: Service | None) -> Inputs:
        """Return the inputs as they are used; how to ask, slo.yml may say, too."""
        below = service.request if service else DEFAULT_OPTIONS
        options = self._options("", inputs.request.over(below))
        return replace(
            inputs,
            health_path=self._path("health-path", inputs.health_path),
            version_path=self._path("version-path", inputs.version_path),
            api_paths=tuple(self._path("api-paths", path) for path in inputs.api_paths),
            prometheus_headers=self._headers("prometheus-headers", inputs.prometheus_headers),
            **{name: getattr(options, name) for name in REQUEST_OPTIONS},
        )

    def service(self, service: Service) -> Service:
        """Return the service with its endpoints' paths, and how they are asked."""
        return replace(service, endpoints=tuple(map(self._endpoint, service.endpoints)))

    def _endpoint(self, endpoint: Endpoint) -> Endpoint:
        if endpoint.name in _AS_INPUTS:
            return endpoint
        where = f"endpoint {endpoint.name}: "
        return replace(
            endpoint,
            path=self._path(f"{where}path", endpoint.path),
            request=self._options(where, endpoint.request),
        )

    def _options(self, where: str, options: RequestOptions) -> RequestOptions:
        found = replace(
            options,
            headers=self._headers(f"{where}headers", options.headers),
            body=self._text(f"{where}body", options.body),
            proxy=self._text(f"{where}proxy", options.proxy, lambda text: quote(text, safe="")),
            client_cert=self._pem(f"{where}client-cert", options.client_cert),
            client_key=self._pem(f"{where}client-key", options.client_key),
            ca_bundle=self._pem(f"{where}ca-bundle", options.ca_bundle),
        )
        if found.client_key and not found.client_cert:
            accepted = "give the certificate of the key, too"
            self.mistakes.append(Mistake(f"{where}client-cert", "is missing", accepted))
        elif found.client_cert and not (found.client_key or _PRIVATE_KEY in found.client_cert):
            accepted = "give the private key of client-cert, or put it into the same PEM text"
            self.mistakes.append(Mistake(f"{where}client-key", "is missing", accepted))
        return found

    def _text(self, field: str, text: str, encode: Callable[[str], str] = str) -> str:
        return text if self._lacks(field, text) else filled(text, self._values, encode)

    def _path(self, field: str, path: str) -> str:
        if not names_in(path) or self._lacks(field, path):
            return path
        try:
            return filled_url(path, self._values)
        except UnfitValueError as error:
            self.mistakes.append(Mistake(field, "not accepted", str(error), path))
            return path

    def _headers(self, field: str, headers: Headers) -> Headers:
        found = tuple((name, self._text(field, value).strip()) for name, value in headers)
        for name, value in found:
            if not sendable(value):
                accepted = "its secret must be one line of Latin letters"
                self.mistakes.append(
                    Mistake(field, f"the value of {name} cannot be sent", accepted)
                )
        return found

    def _pem(self, field: str, text: str) -> str:
        given = self._text(field, text)
        if not given or PEM in given or names_in(given):
            return given
        content = self._files().text(given, field)
        if isinstance(content, Mistake):
            self.mistakes.append(content)
        elif PEM in content:
            return content
        else:
            accepted = "write a file of PEM text, which begins with -----BEGIN"
            self.mistakes.append(Mistake(field, "contains no certificate or key", accepted, given))
        return given

    def _lacks(self, field: str, text: str) -> bool:
        """Report each secret that is not given, once; return whether this text has one."""
        missing = {name for name in names_in(text) if name not in self._values}
        new = sorted(missing - self._missing)
        self._missing |= missing
        self.mistakes += [missing_secret(name.removeprefix(SECRETS), field) for name in new]
        return bool(missing)


def missing_secret(name: str, user: str) -> Mistake:
    """Return the mistake that the input `secrets` lacks a name that `user` uses."""
    accepted = f"{user} uses it: add {name}=${{{{ secrets.{name} }}}}"
    return Mistake("secrets", f"{name} is missing", accepted)


def secrets_in(inputs: Inputs, service: Service | None) -> Iterator[Secret]:
    """Yield what must be masked of paths and requests that were filled in."""
    own = service.endpoints if service else ()
    paths = (inputs.health_path, inputs.version_path, *inputs.api_paths, *(e.path for e in own))
    texts = list(paths)
    for options in (inputs.request, *(endpoint.request for endpoint in own)):
        texts += [f"{name}: {value}" for name, value in options.headers]
        texts.append(options.body)
        yield from map(Secret, credentials_in(options.proxy))
        yield from (
            Secret(p) for p in (options.client_cert, options.client_key) if _PRIVATE_KEY in p
        )
    texts += [f"{name}: {value}" for name, value in inputs.prometheus_headers]
    yield from map(Secret, likely_secrets("\n".join(texts)))
