"""OpenSLO v1 documents to services as slo.yml writes them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slo_action.config.openslo.annotations import Settings, nested, origins, read_settings
from slo_action.config.openslo.document import (
    Found,
    KeyMistake,
    OpenSloModel,
    ReadObjective,
    SkippedObjective,
)
from slo_action.config.openslo.objectives import read_slo
from slo_action.config.openslo.sloth import is_sloth, read_sloth, sloth_body
from slo_action.config.text.suggest import did_you_mean
from slo_action.core.lint.rule import Key
from slo_action.core.slo.openslo import API_VERSION, PREFIX
from slo_action.core.text.quoting import quoted

_NO_COUNTERPART = {
    "DataSource": "the source of metrics is set by the input `metrics`",
    "AlertPolicy": "recipients are set by `notify`",
    "AlertCondition": "alerting is set by `policy`",
    "AlertNotificationTarget": "recipients are set by `notify`",
}
_STRICTER_THERE = "another objective of this service is as strict or stricter"
_KINDS = ("Service", "SLO", "SLI", *_NO_COUNTERPART)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What OpenSLO documents say.

    `services` are mappings as slo.yml's, to be checked like written ones. `origins` has, for each
    of their values, the key of the OpenSLO document that says it; its first entry counts
    `services`. Where there are mistakes, `services` lacks what they are about.
    """

    services: tuple[dict[str, object], ...] = ()
    skipped: tuple[SkippedObjective, ...] = ()
    mistakes: tuple[KeyMistake, ...] = ()
    origins: Mapping[Key, Key] = field(default_factory=dict)


def is_openslo(document: object) -> bool:
    """Whether a YAML document, or the first entry of a list, is an OpenSLO object."""
    first = document[0] if isinstance(document, list) and document else document
    version = first.get("apiVersion") if isinstance(first, dict) else None
    return isinstance(version, str) and version.startswith("openslo/")


def openslo_services(documents: Sequence[object], written: Collection[str] = ()) -> Imported:
    """Return the services of the OpenSLO documents among a file's documents, all at once.

    `written` names the services of a slo.yml beside it, which have their URL from there.
    """
    objects, mistakes = _objects(documents)
    indicators = {_name(part): part for part in objects if part.at("kind").text == "SLI"}
    drafts = _drafts(objects, indicators, mistakes)
    for index, document in enumerate(documents):
        if is_sloth(document):
            _take_sloth(OpenSloModel(key=(index,), content=document), drafts, mistakes)
    for draft in drafts.values():
        _settle(draft)
    skipped = [one for draft in drafts.values() for one in draft.skipped]
    skipped += _unused(objects, indicators)
    for draft in drafts.values():
        name = draft.settings["service"].text
        if "url" not in draft.settings and name not in written:
            problem = "the document has no place for a service's URL, and this one has none"
            accepted = f"add the annotation {PREFIX}url to its Service, or the service to slo.yml"
            mistakes.append(KeyMistake(draft.key, problem, accepted, name))
    return Imported(
        services=tuple(nested(draft.settings) for draft in drafts.values()),
        skipped=tuple(sorted(skipped, key=_in_order)),
        mistakes=tuple(mistakes),
        origins={
            (number, *ours): theirs
            for number, draft in enumerate(drafts.values())
            for ours, theirs in origins(draft.settings).items()
        },
    )


def merged(written: Mapping[str, object], imported: Mapping[str, object]) -> dict[str, object]:
    """Return a service of slo.yml with what it leaves open taken from OpenSLO."""
    both: dict[str, object] = {**imported, **written}
    for name in written.keys() & imported.keys():
        mine, theirs = written[name], imported[name]
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            both[name] = {**theirs, **mine}
    return both


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A service while its documents are read. `key` is where it is named first."""

    key: Key
    settings: Settings
    taken: dict[str, ReadObjective] = field(default_factory=dict)
    skipped: list[SkippedObjective] = field(default_factory=list)


def _objects(documents: Sequence[object]) -> tuple[list[OpenSloModel], list[KeyMistake]]:
    """Return the OpenSLO objects of version 1, Services first, and what is none."""
    objects: list[OpenSloModel] = []
    mistakes: list[KeyMistake] = []
    for index, document in enumerate(documents):
        if is_openslo(document):
            whole = OpenSloModel(key=(index,), content=document)
            for part in whole.entries() if isinstance(document, list) else (whole,):
                mistake = _no_object(part)
                if mistake:
                    mistakes.append(mistake)
                else:
                    objects.append(part)
    objects.sort(key=lambda part: part.at("kind").text != "Service")
    return objects, mistakes


def _no_object(part: OpenSloModel) -> KeyMistake | None:
    version, kind, name = part.at("apiVersion"), part.at("kind"), part.at("metadata", "name")
    if version.text != API_VERSION:
        return version.mistake("an unsupported version", f"write {API_VERSION}")
    if kind.text not in _KINDS:
        return kind.mistake("not a kind of OpenSLO v1", did_you_mean(kind.text, _KINDS))
    if not name.text:
        return name.mistake("an object has no name", "write a text")
    return None


def _drafts(
    objects: Sequence[OpenSloModel],
    indicators: Mapping[str, OpenSloModel],
    mistakes: list[KeyMistake],
) -> dict[str, _Draft]:
    drafts: dict[str, _Draft] = {}
    for part in objects:
        kind = part.at("kind").text
        if kind == "Service" and _name(part) in drafts:
            mistakes.append(part.at("metadata", "name").mistake("named twice", "name it once"))
        elif kind in ("Service", "SLO"):
            draft = _draft_of(part, drafts, mistakes)
            found = read_slo(part, indicators) if draft and kind == "SLO" else ()
            if draft:
                _take(draft, found, mistakes)
                _say(draft, part, mistakes)
    return drafts


def _take_sloth(
    document: OpenSloModel, drafts: dict[str, _Draft], mistakes: list[KeyMistake]
) -> None:
    body = sloth_body(document)
    named = body.at("service")
    if not named.text:
        mistakes.append(named.mistake("an SLO names no service", "write the service's name"))
        return
    draft = drafts.setdefault(named.text, _Draft(key=named.key, settings={"service": named}))
    _take(draft, read_sloth(body), mistakes)


def _settle(draft: _Draft) -> None:
    """Make objectives settings, where no annotation has set them."""
    for one in draft.taken.values():
        setting = draft.settings.setdefault(one.field, OpenSloModel(one.key, one.text))
        if setting.key != one.key:
            draft.skipped.append(_skipped(one, f"an annotation has {quoted(setting.text)}"))


def _draft_of(
    part: OpenSloModel, drafts: dict[str, _Draft], mistakes: list[KeyMistake]
) -> _Draft | None:
    named = part.at("metadata", "name")
    if part.at("kind").text == "SLO":
        named = part.at("spec", "service")
    if not named.text:
        mistakes.append(named.mistake("an SLO names no service", "write the Service's name"))
        return None
    first = _Draft(key=named.key, settings={"service": named})
    return drafts.setdefault(named.text, first)


def _say(draft: _Draft, part: OpenSloModel, mistakes: list[KeyMistake]) -> None:
    """Add what the annotations say; two objects may say the same, but no two things."""
    settings, wrong = read_settings(part)
    mistakes += wrong
    for name, setting in settings.items():
        earlier = draft.settings.get(name)
        if earlier is None or (name == "service" and earlier.key == draft.key):
            draft.settings[name] = setting
        elif earlier.text != setting.text:
            accepted = f"{quoted(earlier.text)} is there"
            mistakes.append(setting.mistake("contradicts another object", accepted))


def _take(draft: _Draft, found: Iterator[Found] | tuple[()], mistakes: list[KeyMistake]) -> None:
    """Keep the strictest of several objectives of one kind: whoever keeps it keeps them all."""
    for one in found:
        match one:
            case KeyMistake():
                mistakes.append(one)
            case SkippedObjective():
                draft.skipped.append(one)
            case ReadObjective():
                kept = draft.taken.setdefault(one.field, one)
                if kept is not one:
                    is_stricter = one.value < kept.value if one.least else one.value > kept.value
                    strict, lax = (one, kept) if is_stricter else (kept, one)
                    draft.taken[one.field] = strict
                    draft.skipped.append(_skipped(lax, _STRICTER_THERE))


def _skipped(one: ReadObjective, why: str) -> SkippedObjective:
    return SkippedObjective(key=one.key, what=f"{one.field}: {one.text}", why=why)


def _unused(
    objects: Sequence[OpenSloModel], indicators: Mapping[str, OpenSloModel]
) -> Iterator[SkippedObjective]:
    used = {
        holder.at("indicatorRef").text
        for part in objects
        if part.at("kind").text == "SLO"
        for holder in (part.at("spec"), *part.at("spec", "objectives").entries())
    }
    for part in objects:
        kind, what = part.at("kind").text, f"{part.at('kind').text} {_name(part)}"
        if kind in _NO_COUNTERPART:
            yield SkippedObjective(key=part.key, what=what, why=_NO_COUNTERPART[kind])
        elif kind == "SLI" and (_name(part) not in used or indicators[_name(part)] is not part):
            yield SkippedObjective(key=part.key, what=what, why="no SLO refers to it")


def _in_order(one: SkippedObjective) -> list[int]:
    return [part for part in one.key if isinstance(part, int)]


def _name(part: OpenSloModel) -> str:
    return part.at("metadata", "name").text
