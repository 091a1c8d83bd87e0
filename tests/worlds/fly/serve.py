"""Try the product from a shell: `python -m tests.worlds.fly.serve --scenario bad`."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from tests.worlds.fly.real_time import RealTime, served
from tests.worlds.fly.scenarios import SCENARIOS, staged
from tests.worlds.fly.tokens import DEPLOY_TOKEN
from tests.worlds.fly.world import FlyWorld

_USAGE = """\
A Fly.io for one app, `{app}`, on {address}: {words}.

Try the product on it, in another shell:

  export FLY_FLAPS_BASE_URL={address} FLY_API_BASE_URL={address} \\
         FLY_UIEX_BASE_URL={address} FLY_REGISTRY_HOST={address} FLY_API_TOKEN='{token}'
  python -m slo_action verify --service {app} --url {address} --version-path /__build \\
         --platform fly --observe 60s --out out

Look at it, and let things happen:

  curl -s {address}/healthz
  curl -s {address}/_world/state      # also: log, requests
  curl -s {address}/_world/deploy -d '{{"version": "2.0", "kind": "good"}}'

Ctrl-C ends it.
"""


def usage(address: str, scenario: str, app: str) -> str:
    """Return what is printed at the start."""
    words = SCENARIOS[scenario].words
    return _USAGE.format(address=address, words=words, app=app, token=DEPLOY_TOKEN)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    told = "\n".join(f"  {name:12} {one.words}" for name, one in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.worlds.fly.serve",
        description=__doc__,
        epilog=f"scenarios:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8901, help="0 is any free port")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="bad", metavar="NAME")
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--app", default="shop")
    options = parser.parse_args(arguments)
    clock = RealTime()
    world = staged(FlyWorld(clock, options.app), options.scenario, options.machines)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with served(world, clock, options.port) as address:
        sys.stdout.write(usage(address, options.scenario, options.app))
        sys.stdout.flush()
        over.wait()


if __name__ == "__main__":
    main()
