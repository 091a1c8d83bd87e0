"""The least a Python prober can cost: the standard library's client, one probe after the other.

It speaks as probe_worker.py does, and knows phases, but no deadline, no redirect and no verdict.
"""

import json
import os
import resource
import ssl
import sys
from http.client import HTTPConnection, HTTPSConnection
from time import perf_counter
from urllib.parse import urlsplit


def main() -> None:
    trust = ssl.create_default_context()
    for line in sys.stdin:
        url, count = json.loads(line)
        before = _cpu_seconds()
        samples = [_probe(url, trust) for _ in range(count)]
        told = {"cpu": _cpu_seconds() - before, "samples": samples}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _probe(url: str, trust: ssl.SSLContext) -> dict[str, object]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    path = f"{parts.path}?slo-verify={os.urandom(8).hex()}"
    # HTTPSConnection.connect() does both; apart, connecting and TLS can be told apart.
    connection = HTTPConnection(host, port)
    started = perf_counter()
    connection.connect()
    connected = secured = perf_counter()
    if parts.scheme == "https":
        secure = HTTPSConnection(host, port, context=trust)
        secure.sock = trust.wrap_socket(connection.sock, server_hostname=host)
        connection, secured = secure, perf_counter()
    connection.request("GET", path, headers={"Connection": "close"})
    answer = connection.getresponse()
    answered = perf_counter()
    answer.read()
    ended = perf_counter()
    connection.close()
    phases = {
        "resolve_seconds": None,
        "connect_seconds": connected - started,
        "tls_seconds": secured - connected,
        "processing_seconds": answered - secured,
        "transfer_seconds": ended - answered,
    }
    good = "ok" if answer.status == 200 else str(answer.status)
    return {"outcome": good, "total": ended - started, "phases": phases}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
