"""The window as a row of cells, for eyes: how many were good, and how long they took."""

from array import array
from dataclasses import dataclass

BUCKETS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A stretch of the window. The seconds are of good answers; None where there were none."""

    from_seconds: float
    to_seconds: float
    good: int
    bad: int
    neutral: int
    median_seconds: float | None
    max_seconds: float | None


class WindowTimeline:
    """Answers of all streams by the time of their slot."""

    def __init__(self, begun_seconds: float, ends_seconds: float) -> None:
        self._begun = begun_seconds
        self._width = (ends_seconds - begun_seconds) / BUCKETS
        self._counts = [[0, 0, 0] for _ in range(BUCKETS)]
        self._micros = [array("L") for _ in range(BUCKETS)]

    def add(self, at_seconds: float, took_seconds: float, *, bad: bool | None) -> None:
        """Count one answer; `bad` is None where it says nothing."""
        while (number := max(0, int((at_seconds - self._begun) / self._width))) >= BUCKETS:
            self._widen()
        counts = self._counts[number]
        if bad is None:
            counts[2] += 1
        elif bad:
            counts[1] += 1
        else:
            counts[0] += 1
            self._micros[number].append(int(took_seconds * 1e6))

    def _widen(self) -> None:
        """Make each two buckets one: a window may end later than was planned."""
        half = range(0, BUCKETS, 2)
        counts, micros = self._counts, self._micros
        self._counts = [[a + b for a, b in zip(*counts[i : i + 2], strict=True)] for i in half]
        self._micros = [micros[i] + micros[i + 1] for i in half]
        self._counts += [[0, 0, 0] for _ in half]
        self._micros += [array("L") for _ in half]
        self._width *= 2

    def buckets(self) -> tuple[Bucket, ...]:
        """Return the cells in the order of time, without those after the last answer."""
        used = [number for number, counts in enumerate(self._counts) if any(counts)]
        return tuple(self._cell(number) for number in range(used[-1] + 1)) if used else ()

    def _cell(self, number: int) -> Bucket:
        good, bad, neutral = self._counts[number]
        ordered = sorted(self._micros[number])
        middle = ordered[(len(ordered) - 1) // 2] / 1e6 if ordered else None
        begun = self._begun + number * self._width
        return Bucket(
            from_seconds=begun,
            to_seconds=begun + self._width,
            good=good,
            bad=bad,
            neutral=neutral,
            median_seconds=middle,
            max_seconds=ordered[-1] / 1e6 if ordered else None,
        )
