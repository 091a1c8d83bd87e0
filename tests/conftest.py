"""How fast this machine is, is nothing that a property says; nor need a test's files outlast it."""

import gc
import os

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings

from tests.sizes import THOROUGH, sized

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("quick", _ANY_MACHINE, max_examples=12)
settings.register_profile("thorough", _ANY_MACHINE, max_examples=100)
settings.load_profile(sized("quick", "thorough"))


def _unsynced(fd: object) -> None:
    """Evidence waits for the disk at each line: thousands of times in a run of the tests."""
    del fd


if not THOROUGH:
    os.fsync = _unsynced


gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits longest for real seconds begins first, while the other workers compute."""
    items.sort(key=lambda item: item.path.name != "test_examples_run.py")


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: nobody need look through them for garbage."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A worker sends one message for a test that passed; five more take as long as a small test."""
    if not hasattr(item.config, "workerinput"):
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True
