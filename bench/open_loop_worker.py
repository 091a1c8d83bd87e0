"""Our pool in a process of its own: a URL and its slots per line in, measured probes out.

Run by the interpreter that has slo-verify installed as the image has it. It loops as
slo_action/modes/steps/window.py does: wait for a slot, send, collect.
"""

import json
import resource
import sys
from secrets import token_hex

from slo_action.core.model import Probe, Witness
from slo_action.core.text.secrets import Scrubber
from slo_action.ports import CompletedProbe
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.system.clock import SystemClock

_DRAIN_SECONDS = 0.02


def main() -> None:
    clock = SystemClock()
    pool = HttpProber(
        clock,
        nonces=lambda: token_hex(8),
        transport=FreshTransport(OnceContext(system_trust)),
        redact=Scrubber().scrub,
    )
    for line in sys.stdin:
        url, slots = json.loads(line)
        before = _cpu_seconds()
        completed = _driven(pool, clock, url, slots)
        spent = _cpu_seconds() - before
        told = [(str(one.sample.outcome), one.sample.total_seconds) for one in completed]
        sys.stdout.write(json.dumps({"cpu": spent, "probes": told}) + "\n")
        sys.stdout.flush()


def _driven(
    pool: HttpProber, clock: SystemClock, url: str, slots: list[float]
) -> list[CompletedProbe]:
    """Send a probe at each slot, an instant of the clock that all processes share."""
    probe = Probe(witness=Witness.HEALTH, url=url)
    completed: list[CompletedProbe] = []
    for ticket, slot in enumerate(slots):
        clock.sleep_until(slot)
        pool.send(ticket, probe)
        completed += pool.completed()
    while len(completed) < len(slots):
        clock.sleep_until(clock.monotonic() + _DRAIN_SECONDS)
        completed += pool.completed()
    return completed


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
