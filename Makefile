# The commands of a checkout. `make setup` once; then `make demo`, `make test`, and `make quick` while working.
# Needs git, make and Python >= 3.11 with venv; node, curl, java with mvn, ruby, go and cargo are optional, and what needs
# them is skipped by name.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
WORKERS ?= 2

.PHONY: help setup demo test quick bench docs clean

help: ## Show this list.
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

setup: $(STAMP) ## Make .venv from the hashed lock, with the tatami command in it.

# The newest of what the lock and the package say decides whether there is anything to do.
$(STAMP): requirements.lock pyproject.toml
	@python=$$(tools/find-python $(PYTHON)); \
	if [ ! -x $(BIN)/python ]; then echo "making $(VENV) with $$("$$python" --version)"; "$$python" -m venv $(VENV); fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@tools/fetch-java-client --if-possible
	@touch $@

demo: setup ## Start a platform, deploy the examples, invoke them with boto3, stop everything.
	@$(BIN)/python -m tools.demo

test: setup ## The whole suite.
	$(BIN)/python -m pytest -n $(WORKERS)

quick: setup ## The fast inner loop: linters, types, import rules, unit tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) tests/unit

bench: setup ## Measure the front door and cold starts; SPEC.md records the numbers.
	@$(BIN)/python -m benchmarks

docs: setup ## Write the pages that are made from the code.
	@$(BIN)/python -m tools.operations

clean: ## Remove .venv and everything that was built.
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache examples/*/build
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
