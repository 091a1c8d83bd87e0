"""What a value of slo.yml may be: how it is read, and its JSON Schema."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from json import dumps
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from slo_action.config.settings.fly import APP_NAME, app_name
from slo_action.config.text.patterns import valid_json_path, valid_pattern
from slo_action.config.text.request_options import (
    HEADER_NAME,
    MOST_STATUSES,
    STATUS,
    STATUS_FORMS,
    STATUSES_SCHEMA,
    RequestOption,
    request_header,
    with_secrets,
)
from slo_action.config.text.units import (
    parse_confidence,
    parse_duration,
    parse_instant,
    parse_ratio,
)
from slo_action.config.text.url import parse_url
from slo_action.core.slo.services import NAMED_ENDPOINTS

_DURATION_PATTERN = r"^(?!.*\d(ms|s|m|h|d)(?=\d).*\d\1(\d|$))(\d+(\.\d+)?(ms|s|m|h|d))+$"
_RATIO_PATTERN = r"^<?\s*(0*(100(\.0+)?|\d{1,2}(\.\d+)?)\s*%|0*(0(\.\d+)?|1(\.0+)?))$"
_VARIABLE = re.compile(r"\$\{(?!secrets\.)[^}]{0,60}\}?")
_CRON = re.compile(r"(?:[0-9A-Za-z*/,#L?-]{1,80}[ ]+){4}[0-9A-Za-z*/,#L?-]{1,80}")


def _scalar(value: object) -> str:
    """YAML's aliases can make a small file's list endless as text; a flag is no number."""
    if isinstance(value, float) and isfinite(value):
        return f"{Decimal(repr(value)):f}"
    fits = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if fits else ""


def _positive(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("write a duration above zero, such as 15s")
    return duration


def _rate(ratio: Fraction) -> Fraction:
    if not 0 < ratio < 1:
        raise ValueError("write a rate above 0% and below 100%, such as 5%")
    return ratio


def _line(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write text, in quotes where it looks like a number or a date")
    if any(ord(character) < ord(" ") for character in value):
        raise ValueError("write one line of text")
    return value.strip()


def _name(name: str) -> str:
    if name.startswith("-") or "," in name or name == "all":
        raise ValueError("write a name without commas that does not begin with a dash, nor is all")
    return name


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        if isinstance(value, str) and _LINK.fullmatch(value):
            raise ValueError(f"write url: {value} to follow a captured link")
        has_gap = isinstance(value, str) and _SLASH_AND_GAP.match(value)
        raise ValueError(_NO_SPACES if has_gap else _ONE_SLASH)
    return value


def _optional_path(value: object) -> str:
    return "" if value == "" else _path(value)


def _url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("write an address, such as https://dashboard.example.com")  # noqa: TRY004
    parse_url(value, allow_link_local=True)
    return value


def _header(value: object) -> str:
    if not isinstance(value, str) or not HEADER_NAME.fullmatch(value):
        raise ValueError("write a header's name, such as Content-Type")
    return value


def _cookie(value: object) -> str:
    if not isinstance(value, str) or not HEADER_NAME.fullmatch(value):
        raise ValueError("write a cookie's name, such as csrftoken")
    return value


def _target(target: str) -> str:
    found = _VARIABLE.search(target)
    if found:
        raise ValueError(f"nothing fills in {found[0]} here; write ${{secrets.NAME}} for a secret")
    return target


def _cron(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not _CRON.fullmatch(text):
        raise ValueError('write five cron fields in UTC, in quotes, such as "0 */1 * * *"')
    return text


def _below(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("write a path below the workspace, such as apps/shop/fly.toml")
    return text


def _app(value: object) -> str:
    return app_name(_line(value))


def _step_url(text: str) -> str:
    if _LINK.fullmatch(text):
        return text
    match = _STEP_URL.fullmatch(text)
    if match is None:
        raise ValueError(
            "write a whole address, whose path and query may have variables, or ${name} to follow "
            "a captured link"
        )
    if parse_url(text.removesuffix(match[1] or ""), allow_link_local=True).authorization:
        raise ValueError("write credentials as a header of the step, Authorization: …")
    return text


def _json(value: object) -> object:
    try:
        dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("write what JSON can say: it has no .nan and no .inf") from None
    return value


def _number(value: object) -> float | int:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return value
    raise ValueError("write a number")


def _endpoint_name(name: str) -> str:
    if name in NAMED_ENDPOINTS:
        raise ValueError(f"write another name: {', '.join(NAMED_ENDPOINTS)} have keys of their own")
    return name


def _journey_name(name: str) -> str:
    if len(name) > _LONGEST_JOURNEY:
        raise ValueError(f"write a name of at most {_LONGEST_JOURNEY} characters")
    return name


def request_option(option: RequestOption) -> Any:  # noqa: ANN401 - a type of pydantic's
    """Return the type of an option's value: text, or what YAML lets one write instead of it."""

    def read(value: object) -> object:
        text = _option_text(value)
        found = option.parse(text)
        if not text.strip():
            raise ValueError("write a value, or leave the key out")
        return found

    return Annotated[Any, PlainValidator(read), WithJsonSchema(dict(option.schema))]


def _option_text(value: object) -> str:
    """Return lines of text: a header for each entry of a mapping, an entry of a list for each."""
    if isinstance(value, dict):
        lines = [f"{name}: {_plain(one)}" for name, one in value.items()]
    elif isinstance(value, list):
        lines = [_plain(one) for one in value]
    else:
        return _plain(value)
    if any("\n" in line for line in lines):
        raise ValueError("write one line of text for each")
    return "\n".join(lines)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else _scalar(value)


_LONGEST_JOURNEY = 60


def _status(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    statuses = tuple(_scalar(one) for one in listed[:MOST_STATUSES])
    if not statuses or not all(map(STATUS.fullmatch, statuses)):
        raise ValueError(STATUS_FORMS)
    return statuses


_ONE_SLASH = "write a path that starts with one slash, such as /healthz"
_NO_SPACES = "write a path without spaces, such as /search?q=a%20b or /cart?u=${token}"
_SLASH_AND_GAP = re.compile(r"/(?!/)[^\s\x00-\x1f]*[\s\x00-\x1f]")
_PATH = re.compile(r"/(?!/)[^\s\x00-\x1f]*")
_STEP_URL = re.compile(r"https?://[^/?#$\s]+([/?#][^\s\x00-\x1f]{0,2000})?")
_LINK = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}([/?&#][^\s\x00-\x1f]{0,2000})?")


def _text_schema(**more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


_DURATION_SCHEMA = _text_schema(pattern=_DURATION_PATTERN, examples=["15s", "500ms", "1h30m"])
_RATIO_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": _RATIO_PATTERN},
            {"type": "number", "minimum": 0, "maximum": 1},
        ],
        "examples": ["99.9%", "<1%", 0.999],
    }
)
_LINE = r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$"
_NAME = r"^(?!\s*(-|all\s*$))[^\x00-\x1f,]*[^\s\x00-\x1f,][^\x00-\x1f,]*$"

Scalar = PlainValidator(_scalar)
Duration = Annotated[
    timedelta, Scalar, AfterValidator(lru_cache(1024)(parse_duration)), _DURATION_SCHEMA
]
Positive = Annotated[Duration, AfterValidator(_positive)]
Ratio = Annotated[Fraction, Scalar, AfterValidator(lru_cache(1024)(parse_ratio)), _RATIO_SCHEMA]
Rate = Annotated[Ratio, AfterValidator(_rate)]
Confidence = Annotated[Fraction, Scalar, AfterValidator(parse_confidence), _RATIO_SCHEMA]
Line = Annotated[str, PlainValidator(_line), _text_schema(pattern=_LINE)]
Target = Annotated[Line, AfterValidator(_target)]
Name = Annotated[Line, AfterValidator(_name), _text_schema(pattern=_NAME)]
Path = Annotated[str, PlainValidator(_path), _text_schema(pattern=r"^/(?!/)[^\s]*$")]
EndpointPath = Annotated[Path, AfterValidator(with_secrets)]
OptionalPath = Annotated[
    str,
    PlainValidator(_optional_path),
    AfterValidator(with_secrets),
    _text_schema(pattern=r"^(/(?!/)[^\s]*)?$"),
]
Url = Annotated[str, PlainValidator(_url), _text_schema(pattern="^https?://", format="uri")]
Instant = Annotated[
    datetime, Scalar, AfterValidator(parse_instant), _text_schema(format="date-time")
]
HeaderName = Annotated[
    str, PlainValidator(_header), _text_schema(pattern=f"^{HEADER_NAME.pattern}$")
]
CookieName = Annotated[
    str, PlainValidator(_cookie), _text_schema(pattern=f"^{HEADER_NAME.pattern}$")
]
Cron = Annotated[str, PlainValidator(_cron), _text_schema(examples=["0 */1 * * *"])]
Below = Annotated[Line, AfterValidator(_below)]
App = Annotated[str, PlainValidator(_app), _text_schema(pattern=f"^{APP_NAME.pattern}$")]
StepUrl = Annotated[
    Line,
    AfterValidator(_step_url),
    _text_schema(
        pattern=r"^(https?://[^/?#$@\s]+([/?#][^\s]{0,2000})?"
        r"|\$\{[A-Za-z_][A-Za-z0-9_]*\}([/?&#][^\s]{0,2000})?)$"
    ),
]
JsonPath = Annotated[Line, AfterValidator(valid_json_path), _text_schema(pattern=r"^\s*\$")]
Json = Annotated[Any, PlainValidator(_json), WithJsonSchema({})]
Number = Annotated[float | int, PlainValidator(_number), WithJsonSchema({"type": "number"})]
Pattern = Annotated[
    Line, AfterValidator(valid_pattern), _text_schema(pattern=_LINE, format="regex")
]
EndpointName = Annotated[
    Name,
    AfterValidator(_endpoint_name),
    _text_schema(pattern=_NAME, **{"not": {"enum": list(NAMED_ENDPOINTS)}}),
]
JourneyName = Annotated[
    Name, AfterValidator(_journey_name), _text_schema(pattern=_NAME, maxLength=_LONGEST_JOURNEY)
]
RequestHeader = Annotated[HeaderName, AfterValidator(request_header)]
Statuses = Annotated[tuple[str, ...], PlainValidator(_status), WithJsonSchema(STATUSES_SCHEMA)]
