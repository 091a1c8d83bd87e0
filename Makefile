# Everything a contributor runs. `make` alone lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Scenes with real servers take real seconds: one worker more than there are processors works then.
WORKERS = $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST  = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Whoever runs tests twice wants them compiled once.
unexport PYTHONDONTWRITEBYTECODE

SAMPLE = 300
SEED   = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-bench check lint types arch bench mutants size lock docs pictures fmt clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.runtime: requirements/runtime.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "slo-verify needs Python 3.11 or newer; try: make PYTHON=python3.13 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

demo: $(VENV)/.runtime ## a healthy deploy, then a bad one that is rolled back, against a bundled service
	@$(BIN)/python examples/demo/demo.py

test: $(VENV)/.dev ## the tests that need nothing but Python; all sizes and examples with THOROUGH=1
	$(PYTEST) -m "not real and not container" --ignore tests/bench

test-bench: $(VENV)/.dev ## the tests of the benchmarks
	$(PYTEST) -m "not real and not container" tests/bench

mutants: $(VENV)/.dev ## how many faults of the deciding core the tests find; SAMPLE=300 SEED=1
	$(BIN)/python -m scripts.mutants --sample $(SAMPLE) --seed $(SEED)

size: $(VENV)/.runtime ## rewrite bench/SIZE.md: the package's lines by feature
	$(BIN)/python -m scripts.size

lint: $(VENV)/.dev ## ruff and codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

arch: $(VENV)/.dev ## the import contracts
	$(BIN)/lint-imports

check: lint types arch test ## everything CI runs before the container

bench: $(VENV)/.dev ## every benchmark; rewrites bench/RESULTS.md
	$(BIN)/python bench/run.py

docs: $(VENV)/.dev ## regenerate all that is generated: action.yml, tables, schemas, quotes and timelines
	$(BIN)/python -m scripts.generate
	$(BIN)/python -m tests.docs.window_pages

pictures: $(VENV)/.dev ## the README's pictures, out of the demo (needs Chromium)
	$(BIN)/python examples/demo/demo.py
	$(BIN)/python -m scripts.screenshot

fmt: $(VENV)/.dev ## format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.dev ## resolve the lock files again, with hashes, for every platform
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
	  --custom-compile-command "make lock" pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
	  --custom-compile-command "make lock" -c requirements/runtime.lock pyproject.toml --group dev -o requirements/dev.lock

clean: ## remove what the targets made
	rm -rf $(VENV) out .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
