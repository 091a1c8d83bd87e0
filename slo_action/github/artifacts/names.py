"""What an artifact may be called. Pure.

The rules are those of actions/toolkit (path-and-artifact-name-validation.ts); the service repeats
them. Names are unique within a workflow run, over all its jobs and attempts.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

LONGEST_NAME = 256
_FORBIDDEN_IN_PATHS = frozenset('":<>|*?\r\n')
_FORBIDDEN_IN_NAMES = _FORBIDDEN_IN_PATHS | frozenset("\\/")
_LAST_RESORT = "slo-verify"
_TRIES = 5
_SUFFIX_SPACE = 16**8


def artifact_name(
    service: str, run_attempt: int, *, earlier: str = "", job: str = "", matrix: Sequence[str] = ()
) -> str:
    """Return the default name, valid whatever its parts hold.

    Attempt, job and matrix values are in it since the name must be unique within the run, and so is
    `earlier`, a number where the job has verified the same before.
    """
    parts = ("slo-verify", service, str(run_attempt), earlier, job, *matrix)
    return valid_name("-".join(part for part in parts if part.strip()))


def valid_name(text: str) -> str:
    """Return `text` as a name the service accepts; a valid name comes back as it is.

    What is too long ends in a hash of the whole, so that two long names stay two.
    """
    # Control characters and lone surrogates go, too: JSON or a file system chokes on them.
    kept = (c if c.isprintable() and c not in _FORBIDDEN_IN_NAMES else "-" for c in text)
    name = "".join(kept).strip()
    if name in {"", ".", ".."}:
        return _LAST_RESORT
    if len(name) <= LONGEST_NAME:
        return name
    return with_suffix(name, sha256(name.encode()).hexdigest()[:8])


def with_suffix(name: str, suffix: str) -> str:
    """Return `name-suffix`, shortening the name where the two would be too long."""
    return f"{name[: LONGEST_NAME - len(suffix) - 1].rstrip()}-{suffix}"


def candidate_names(name: str, random: Callable[[], float]) -> Iterator[str]:
    """Yield the wanted name, then a few random ones.

    Random and not counted: the jobs of a matrix that share a name would count alike. `random`
    returns numbers in [0, 1).
    """
    wanted = valid_name(name)
    yield wanted
    for _ in range(_TRIES - 1):
        yield with_suffix(wanted, f"{int(random() * _SUFFIX_SPACE):08x}")


def forbidden_in_path(path: str) -> str | None:
    """Return the first character that a path inside an artifact must not hold, None if it is fine.

    The client of GitHub refuses them because NTFS cannot write them when the archive is unpacked;
    lone surrogates (a file name that is not UTF-8) cannot be written into a zip at all.
    """
    refused = (c for c in path if c in _FORBIDDEN_IN_PATHS or "\ud800" <= c <= "\udfff")
    return next(refused, None)
