.PHONY: help env lock test check demo serve bench browser screenshots
PYTHON ?= python3
BIN := .venv/bin

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

env: .venv/.installed  ## the environment, from the lock file

.venv/.installed: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

test: check  ## everything that must pass, as CI runs it
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: env  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

browser:  ## Debian's Chromium, which tests of the console drive; for root
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends -y chromium fonts-liberation >/dev/null; }

screenshots: env  ## every page of the console, in docs/screenshots/
	$(BIN)/python -m tests.e2e.screens

demo: env  ## real calls recorded, exported and checked, in demo-data/
	@$(BIN)/python -m demo.run

serve: env  ## Calltrail on the demo's data, to try by hand
	@$(BIN)/python -m demo.serve

bench: env .venv/.bench-installed  ## the measurements of bench/, side by side with their peers
	$(BIN)/python -m bench.run

.venv/.bench-installed: requirements-bench.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	touch $@

lock: env  ## the newest releases into the lock files
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --group bench -c requirements-dev.lock -o requirements-bench.lock
