"""Our prober in a process of its own: a URL and a number per line in, measured samples out.

Run by the interpreter that has slo-verify installed as the image has it, and composed as
slo_action/app.py composes it.
"""

import json
import resource
import sys
from dataclasses import asdict
from secrets import token_hex

from slo_action.core.model import Probe, Witness
from slo_action.core.text.secrets import Scrubber
from slo_action.probing.prober import HttpProber
from slo_action.probing.transport import FreshTransport
from slo_action.probing.trust import OnceContext, system_trust
from slo_action.system.clock import SystemClock


def main() -> None:
    prober = HttpProber(
        SystemClock(),
        nonces=lambda: token_hex(8),
        transport=FreshTransport(OnceContext(system_trust)),
        redact=Scrubber().scrub,
    )
    for line in sys.stdin:
        url, count = json.loads(line)
        probes = [Probe(witness=Witness.HEALTH, url=url)] * count
        before = _cpu_seconds()
        samples = prober.ask(probes)
        spent = _cpu_seconds() - before
        told = [
            {"outcome": str(one.outcome), "total": one.total_seconds, "phases": asdict(one.phases)}
            for one in samples
        ]
        sys.stdout.write(json.dumps({"cpu": spent, "samples": told}) + "\n")
        sys.stdout.flush()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
