"""Real curl and real blackbox-exporter against deployments played in real time.

`python -m bench.verdicts.real_peers` plays some of the catalogue on loopback, runs the real
programs on it, and compares verdict, time and requests with what the simulated peers say of the
same deployment. All times are scaled alike, the deployment's and the programs', so that it takes
two minutes; the programs are the real ones. Prometheus is not here: the average of blackbox's
`probe_success` is taken by this script.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from urllib.parse import urlencode

from bench.servers import BLACKBOX, free_port, is_installed
from bench.verdicts.catalogue import CASES
from bench.verdicts.peers import PEERS
from bench.verdicts.real_stage import Stage, played
from bench.verdicts.score import Judged

SCENES = (
    "healthy 10rps",
    "hard down 503",
    "hard down refused",
    "warm-up 20s 503",
    "warm-up 80s refused",
    "good redirect 301->200",
    "redirect loop",
    "hang (LB 504 @60s)",
    "flap 50% (10s of 20)",
    "200 body unhealthy",
    "dies at 40s",
)
_STAGGER = 0.4  # real seconds between two scenes' starts
_NEAR, _NEAR_SHARE = 3.0, 0.03
_DOCUMENT_LOOP = """
for i in {1..8}; do
  if curl -f -sS "${SERVICE_URL}/healthz"; then
    echo "Health check passed on attempt $i"
    break
  else
    echo "Health check failed on attempt $i, retrying..."
    if [ $i -eq 8 ]; then
      exit 1
    fi
    sleep "$PAUSE"
  fi
done
"""
_CURL_3X = """
streak=0 attempt=0
for pause in $PAUSES; do
  attempt=$((attempt + 1))
  code=$(curl -s -o /dev/null -w '%{http_code}' --max-time "$LIMIT" "${SERVICE_URL}/healthz")
  echo "$code on attempt $attempt"
  if [ "$code" = 200 ]; then streak=$((streak + 1)); else streak=0; fi
  if [ "$streak" -eq 3 ]; then exit 0; fi
  sleep "$pause"
done
exit 1
"""
_JTALK = """
curl --fail -sv --retry 3 --retry-delay "$DELAY" --retry-connrefused --retry-all-errors \
  "${SERVICE_URL}/healthz"
"""
_MODULE = "modules: {{http_2xx: {{prober: http, timeout: {timeout}s}}}}\n"


@dataclass(frozen=True, slots=True)
class Real:
    """A real peer. `simulated` is the name of its model in PEERS."""

    name: str
    simulated: str
    judge: Callable[[Stage], Judged]


def main() -> int:
    """Print the table; 1 if a model and its program disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.2, help="real seconds for one second")
    options = parser.parse_args()
    if not (5 * options.scale).is_integer():
        parser.error("curl's --retry-delay takes whole seconds: 5 times the scale must be one")
    with _blackbox(options.scale) as port, ThreadPoolExecutor(64) as pool:
        reals = _reals(port)
        scenes = [
            (name, pool.submit(_play, name, i, options.scale, reals, pool))
            for i, name in enumerate(SCENES)
        ]
        rows = [row for _, scene in scenes for row in scene.result()]
    print(f"{_version('curl')}; {_version(BLACKBOX)}; times scaled by {options.scale}\n")
    print("| deployment | peer | real | simulated | same |\n|---|---|---|---|---|")
    print("\n".join(text for text, _ in rows))
    return 0 if all(same for _, same in rows) else 1


def _reals(port: int | None) -> list[Real]:
    curls = [
        Real("the document's loop", "jtalk_8x15", _document_loop),
        Real("3 in a row, by script", "curl_3x", _curl_3x),
        Real("curl --retry 3", "jtalk_readme", _jtalk),
    ]
    if port is None:
        return curls
    return [*curls, Real("blackbox-exporter", "blackbox_5m", lambda stage: _probed(stage, port))]


def _play(
    name: str, number: int, scale: float, reals: list[Real], pool: ThreadPoolExecutor
) -> list[tuple[str, bool]]:
    """Play one deployment to all peers at once; return its rows."""
    sleep(number * _STAGGER)
    service = next(case for case in CASES if case.name == name).build(seed=1)
    with played(service, scale) as stage:
        asked: list[Future[Judged]] = [pool.submit(real.judge, stage) for real in reals]
        judged = [one.result() for one in asked]
    rows = []
    for real, got in zip(reals, judged, strict=True):
        model = PEERS[real.simulated](service, Random(1))  # noqa: S311
        same = _is_same(got, model)
        told = f"| {name} | {real.name} | {_told(got)} | {_told(model)} | {_yes(same)} |"
        rows.append((told, same))
    return rows


def _is_same(real: Judged, model: Judged) -> bool:
    near = abs(real.at - model.at) <= max(_NEAR, _NEAR_SHARE * model.at)
    return near and (real.rolled_back, real.requests) == (model.rolled_back, model.requests)


def _told(one: Judged) -> str:
    ending = "rolls back" if one.rolled_back else "passes"
    return f"{ending} at {one.at:.1f} s, {one.requests} requests"


def _yes(same: bool) -> str:  # noqa: FBT001
    return "yes" if same else "NO"


def _document_loop(stage: Stage) -> Judged:
    """Run the document's own loop, its sleep scaled."""
    return _script(stage, _DOCUMENT_LOOP, {"PAUSE": str(15 * stage.scale)})


def _curl_3x(stage: Stage) -> Judged:
    pauses = " ".join(str(one * stage.scale) for one in (15, 16, 17, 18, 19, 20, 20, 0))
    return _script(stage, _CURL_3X, {"PAUSES": pauses, "LIMIT": str(2 * stage.scale)})


def _jtalk(stage: Stage) -> Judged:
    """Run the command of url-health-check-action as its readme has it."""
    return _script(stage, _JTALK, {"DELAY": str(round(5 * stage.scale))}, counted="Trying ")


def _script(
    stage: Stage, text: str, values: Mapping[str, str], counted: str = "on attempt "
) -> Judged:
    """Run a script to its end. It passes with exit code 0; `counted` is told once an attempt."""
    env = {"PATH": "/usr/bin:/bin", "SERVICE_URL": stage.url, **values}
    ran = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, check=False)
    requests = len(re.findall(counted, ran.stdout + ran.stderr))
    return Judged(rolled_back=ran.returncode != 0, at=stage.now(), requests=requests)


def _probed(stage: Stage, port: int) -> Judged:
    """Let blackbox-exporter probe each 15 s to 330 s, and average the last 5 minutes."""
    successes = []
    for due in range(0, 331, 15):
        sleep(max(0.0, (due - stage.now()) * stage.scale))
        successes.append(_probe_success(f"{stage.url}/healthz", port))
    average = sum(successes[-20:]) / 20
    return Judged(rolled_back=average < 0.95, at=stage.now(), requests=len(successes))


def _probe_success(url: str, port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", f"/probe?{urlencode({'target': url, 'module': 'http_2xx'})}")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return 1 if "\nprobe_success 1" in text else 0


@contextmanager
def _blackbox(scale: float) -> Iterator[int | None]:
    """Run the exporter with its default module, but for the timeout; None if it is not here."""
    if not is_installed(BLACKBOX):
        yield None
        return
    port = free_port()
    with TemporaryDirectory() as folder:
        config = Path(folder) / "blackbox.yml"
        config.write_text(_MODULE.format(timeout=5 * scale), encoding="utf-8")
        command = [BLACKBOX, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
        with subprocess.Popen([*command, "--log.level=error"], stderr=subprocess.DEVNULL) as ran:
            try:
                _await(port)
                yield port
            finally:
                ran.terminate()


def _await(port: int, within: float = 10.0) -> None:
    until = perf_counter() + within
    while perf_counter() < until:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.connect()
        except OSError:
            sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise TimeoutError("blackbox-exporter does not listen")


def _version(program: str) -> str:
    if not is_installed(program):
        return f"{program} not installed"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
    return f"{program} {found[0] if found else 'unknown'}"


if __name__ == "__main__":
    sys.exit(main())
