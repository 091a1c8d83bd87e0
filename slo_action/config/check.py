"""What `check` is to look at: files of the workspace, read before anything is reported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from slo_action.config.files.toml import SIZE_LIMIT_BYTES, parse_toml
from slo_action.config.files.workspace import WorkspaceFiles
from slo_action.config.inputs import Inputs, read_inputs
from slo_action.config.request import DEFAULT_CONFIG, USUAL_CONFIGS, RunEnvironment
from slo_action.config.slo.load import LoadedSloYml, load_slo_yml
from slo_action.config.slo.mistakes import placed
from slo_action.core.lint.rule import Document
from slo_action.core.model import RunIdentity
from slo_action.core.slo.services import Service
from slo_action.errors import InputError, Mistake

DEFAULT_FLY_CONFIG = "fly.toml"
_FLY_FIELD = "fly-config"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyFile:
    """A fly.toml with its text, and the services of slo.yml that it is about."""

    document: Document
    text: str
    services: tuple[Service, ...] = ()

    def with_text(self, text: str) -> "FlyFile":
        """Return the file as it is with another text, which must be TOML."""
        document = parse_toml(text, self.document.path, _FLY_FIELD)
        if isinstance(document, Mistake):
            raise TypeError(f"an edit has broken the file: {document.problem}")
        return replace(self, document=document, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """One run of `check`. `config` is the name of the slo.yml, `loaded` what is in it.

    Both are empty where there is none. `mistakes` are those of fly.toml files, `broken` the texts
    of those that are no TOML. `sarif_file` is empty where none is asked for, `records` None where
    no audit records are at hand.
    """

    config: str
    loaded: LoadedSloYml | None
    fly_files: tuple[FlyFile, ...]
    mistakes: tuple[Mistake, ...]
    run: RunIdentity
    broken: Mapping[str, str] = field(default_factory=dict)
    visit: bool = False
    allow_link_local: bool = False
    fix: bool = False
    sarif_file: str = ""
    records: Path | None = None

    @property
    def services(self) -> tuple[Service, ...]:
        """The services of slo.yml, as far as they could be read."""
        return tuple(self.loaded.slo_yml.services.values()) if self.loaded else ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that was looked at, slo.yml first."""
        slo_yml = self.loaded.texts if self.loaded else {}
        broken = (mistake.path for mistake in self.mistakes if mistake.path)
        return tuple(dict.fromkeys((*slo_yml, *(f.document.path for f in self.fly_files), *broken)))

    @property
    def texts(self) -> Mapping[str, str]:
        """The files' texts by their names."""
        slo_yml = self.loaded.texts if self.loaded else {}
        fly = {one.document.path: one.text for one in self.fly_files}
        return {**self.broken, **fly, **slo_yml}


def read_check_request(given: Mapping[str, str], around: RunEnvironment) -> CheckRequest:
    """Return what is to be checked. Raises InputError where the inputs themselves are wrong.

    Mistakes within files are part of the request: all of them are reported on their lines.
    """
    inputs, found = read_inputs(given)
    config = _config(inputs, around.workspace)
    loaded = load_slo_yml(WorkspaceFiles(around.workspace), config, "config") if config else None
    if loaded is not None and not loaded.texts:
        found = (*found, *(mistake for mistake in loaded.mistakes if not mistake.path))
    fly_files, wrong, broken = _fly_files(inputs, around.workspace, loaded)
    found = (*found, *(mistake for mistake in wrong if not mistake.path))
    if not (config or fly_files or wrong):
        found = (*found, _NOTHING_TO_CHECK)
    request = CheckRequest(
        config=config,
        loaded=loaded,
        fly_files=tuple(fly_files),
        mistakes=tuple(wrong),
        broken=broken,
        run=around.run,
        visit=inputs.visit,
        allow_link_local=inputs.allow_link_local,
        fix=inputs.fix,
        sarif_file=inputs.sarif_file,
        records=around.workspace / inputs.records if inputs.records else None,
    )
    found = (*found, *_unfit(request, inputs, around.workspace))
    if found:
        raise InputError((*found, *(mistake for mistake in wrong if mistake.path)))
    return request


def _unfit(request: CheckRequest, inputs: Inputs, workspace: Path) -> Iterator[Mistake]:
    """Yield what is wrong with a name only in view of what lies there."""
    report = inputs.sarif_file and WorkspaceFiles(workspace).real_name_or_given(inputs.sarif_file)
    if report in request.paths:
        problem = "is a file that is checked, and would be overwritten"
        accepted = "name another file, such as out/check.sarif"
        yield Mistake("sarif-file", problem, accepted, inputs.sarif_file)
    if request.records and not request.records.is_dir():
        accepted = "name the directory that audit records were downloaded to, or leave it out"
        yield Mistake("records", "is not a directory", accepted, inputs.records)


def _config(inputs: Inputs, workspace: Path) -> str:
    """Return its name as it lies in the workspace: annotations and GitHub know no other."""
    if inputs.config:
        return WorkspaceFiles(workspace).real_name_or_given(inputs.config)
    return next((str(one) for one in USUAL_CONFIGS if _is_there(workspace / one)), "")


def _is_there(path: Path) -> bool:
    """What is no file, or a link to nothing, is reported rather than ignored."""
    return path.is_symlink() or path.exists()


def _fly_files(
    inputs: Inputs, workspace: Path, loaded: LoadedSloYml | None
) -> tuple[list[FlyFile], list[Mistake], dict[str, str]]:
    """Return the files that are named, by input or slo.yml, else the one at the top.

    With them the mistakes, and the texts that are no TOML by their names.
    """
    files: list[FlyFile] = []
    mistakes: list[Mistake] = []
    broken: dict[str, str] = {}
    services = tuple(loaded.slo_yml.services.values()) if loaded else ()
    own = _own_files(services, WorkspaceFiles(workspace))
    for named, named_by in _names(inputs, workspace, services, own):
        read = _read(named, workspace)
        if isinstance(read, Mistake):
            if not read.path and named_by and loaded:  # the entry that names it is wrong
                origin = loaded.origins[named_by.name]
                entry = origin.document.below(*origin.roots)
                read = placed(replace(read, field="fly_config"), entry, ("fly_config",))
            elif not read.path and not inputs.fly_config:  # nothing names it but its usual place
                read = replace(read, field=named, value=None).at(named)
            mistakes.append(read)
            continue
        name, text = read
        document = parse_toml(text, name, _FLY_FIELD)
        if isinstance(document, Mistake):
            mistakes.append(document)
            broken[name] = text
            continue
        about = tuple(_about(document, services, own))
        files.append(FlyFile(document=document, text=text, services=about))
    return files, mistakes, broken


def _own_files(services: tuple[Service, ...], files: WorkspaceFiles) -> Mapping[str, str]:
    """Return the fly.toml of each service that names one, as it lies in the workspace."""
    named = (one for one in services if one.fly_config)
    return {one.name: files.real_name_or_given(one.fly_config) for one in named}


def _names(
    inputs: Inputs, workspace: Path, services: tuple[Service, ...], own: Mapping[str, str]
) -> Iterator[tuple[str, Service | None]]:
    """Yield each file's name once, with the service that names it; None for an input's."""
    if inputs.fly_config:
        yield inputs.fly_config, None
        return
    named = {own[service.name]: service for service in reversed(services) if service.name in own}
    yield from sorted(named.items(), key=lambda pair: pair[0])
    default = WorkspaceFiles(workspace).real_name_or_given(DEFAULT_FLY_CONFIG)
    if default not in named and _is_there(workspace / DEFAULT_FLY_CONFIG):
        yield DEFAULT_FLY_CONFIG, None


def _about(
    document: Document, services: tuple[Service, ...], own: Mapping[str, str]
) -> Iterator[Service]:
    """Yield the services that name the file; else the one whose app it is, or the only one.

    The only one may say itself that it runs elsewhere.
    """
    named = [service for service in services if own.get(service.name) == document.path]
    app = document.content.get("app")
    matching = [s for s in services if not s.fly_config and app == (s.app or s.name)]
    alone = [s for s in services if not s.fly_config and s.platform not in ("command", "none")]
    yield from named or matching or (alone if len(services) == 1 else ())


def _read(named: str, workspace: Path) -> tuple[str, str] | Mistake:
    """Return a file's name as it lies in the workspace, and its text."""
    files = WorkspaceFiles(workspace, limit_bytes=SIZE_LIMIT_BYTES, kind="TOML")
    name = files.real_name(named, _FLY_FIELD)
    if isinstance(name, Mistake):
        return replace(name, accepted=_ACCEPTED)
    text = files.text(name, _FLY_FIELD)
    if isinstance(text, Mistake):
        return text if text.path else replace(text, accepted=_ACCEPTED)
    return name, text


_ACCEPTED = (
    "name the app's fly.toml, as a path below the workspace; fly.json and fly.yaml are not read"
)


_NOTHING_TO_CHECK = Mistake(
    "config",
    "there is nothing to check",
    f"neither {DEFAULT_CONFIG} nor {DEFAULT_FLY_CONFIG} is there; name a file by config or "
    "fly-config, and check the repository out first",
)
