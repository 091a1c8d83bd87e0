"""Since when nothing good was heard."""

FAILURES = 3
"""Fewer say nothing of everything."""


class Outage:
    """What was bad since the last good answer, by the time of the slots."""

    def __init__(self, begun_seconds: float) -> None:
        self.since: float | None = None
        self._failures = 0
        self._good = begun_seconds

    def good(self, at: float) -> None:
        """Take a good answer: what was bad before it is no outage."""
        self._good = max(self._good, at)
        if self.since is None or at > self.since:
            self.since, self._failures = None, 0

    def bad(self, at: float) -> None:
        """Take a bad answer; one from before the last good answers is too late to count."""
        if at < self._good:
            return
        self._failures += 1
        if self.since is None or at < self.since:
            self.since = at

    def lasts(self, now: float, seconds: float) -> bool:
        """Tell whether nothing good was heard for so long, and enough that was bad."""
        since = self.since
        return since is not None and self._failures >= FAILURES and now - since >= seconds
