"""What importing us does: nothing, and quickly."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from slo_action.core.model import Mode
from slo_action.on_demand import ON_DEMAND, on_demand

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "slo_action"
SLOW = {
    "pydantic",
    "pydantic_core",
    "yaml",
    "ghapi",
    "httpx2",
    "fastcore",
    "jsonpath",
    "re2",
}


def modules() -> list[str]:
    """Return every module of the package; `__main__` starts the program and is left out."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
    ]
    return sorted(name.removesuffix(".__init__") for name in names if "__main__" not in name)


def python(script: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a script with nothing in its environment but where the package is."""
    return subprocess.run(
        [sys.executable, "-B", "-c", script],
        env={"PYTHONPATH": str(ROOT), **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def imported_by(module: str, cwd: Path) -> set[str]:
    """Return the top-level packages that importing a module brings in."""
    shown = python(f"import sys, json, {module}; print(json.dumps(list(sys.modules)))", cwd)
    assert shown.returncode == 0, shown.stderr
    return {name.partition(".")[0] for name in json.loads(shown.stdout)}


def test_importing_every_module_has_no_effect(tmp_path: Path) -> None:
    script = (
        "import importlib, os, signal, threading\n"
        "before = dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGTERM)\n"
        f"for name in {modules()!r}: importlib.import_module(name)\n"
        "assert (dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGTERM)) == before\n"
        "assert threading.active_count() == 1\n"
    )

    finished = python(script, tmp_path)

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_what_runs_before_the_first_probe_imports_nothing_slow(tmp_path: Path) -> None:
    found = imported_by("slo_action.app", tmp_path)

    assert "httpx" in found
    assert found & SLOW == set()


@cache
def nodes_of_the_package() -> dict[str, list[ast.AST]]:
    """Return all that each module's code consists of, by its path in the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): list(ast.walk(ast.parse(path.read_text("utf-8"))))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def late_imports() -> list[str]:
    """Return every import inside a function of the package, as path:line."""
    return [
        f"{path}:{node.lineno}"
        for path, nodes in nodes_of_the_package().items()
        for function in nodes
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def test_only_the_table_imports_late() -> None:
    """ADR 0002."""
    assert late_imports() == []
    assert users("import_module", "__import__") == {"on_demand.py": {"import_module"}}


@pytest.mark.parametrize("name", ON_DEMAND)
def test_every_entry_of_the_table_can_be_imported(name: str) -> None:
    assert on_demand(name) is not None


def test_every_entry_of_the_table_is_used() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    called = {name for text in texts for name in re.findall(r'on_demand\("([^"]+)"\)', text)}

    assert called | set(map(str, Mode)) == set(ON_DEMAND)


def test_the_slow_ones_are_seen_where_they_are_used(tmp_path: Path) -> None:
    found = imported_by(
        "slo_action.config.slo.load, slo_action.audit.document, ghapi.core, jsonpath, re2", tmp_path
    )

    assert found >= SLOW - {"pydantic_core"}


def lines_of_code(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))


def test_the_entry_point_is_small() -> None:
    assert lines_of_code(ROOT / "entrypoint.py") <= 15


@cache
def names_of_the_package() -> dict[str, set[str]]:
    return {
        path: {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        | {node.id for node in nodes if isinstance(node, ast.Name)}
        for path, nodes in nodes_of_the_package().items()
    }


def users(*names: str) -> dict[str, set[str]]:
    """Return the modules whose code uses one of the names, and which."""
    found: dict[str, set[str]] = {}
    for path, used in names_of_the_package().items():
        if used & set(names):
            found[path] = used & set(names)
    return found


def test_only_the_log_is_given_the_stream() -> None:
    """The programs' captured streams are called so, too; system/signals.py only flushes."""
    assert users("print", "stderr", "stdout", "__stdout__", "__stderr__") == {
        "app.py": {"stdout"},
        "cli.py": {"stdout", "stderr"},
        "system/process.py": {"stdout", "stderr"},
        "system/signals.py": {"stdout", "stderr"},
        "platforms/command.py": {"stdout"},
    }


def test_one_place_ends_the_process_and_none_changes_the_environment() -> None:
    assert {name for name, used in users("getenv", "exit", "_exit").items() if used} == {
        "system/signals.py"
    }
    assert users("environb", "putenv", "unsetenv") == {}
