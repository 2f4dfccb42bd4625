# `make site` builds the site into site/, `make test` runs the linters and all tests, `make lint` only the linters,
# `make bench` the benchmarks. All targets install what they need.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: site test lint bench clean

site: .venv/.site
	@$(BIN)/python build.py $(ARGS)

test: lint
	@$(BIN)/python -m tests.browsers
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

lint: .venv/.test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m tests.lint

bench: .venv/.test
	@$(BIN)/python -m tests.browsers
	@$(BIN)/python -m tests.bench $(ARGS)

.venv/.site: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Strata needs Python 3.11 or newer; name one: make PYTHON=python3.12' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo 'Python has no venv module here; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo '  installing the Python packages of requirements.txt'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.test: tests/requirements.txt .venv/.site
	@echo '  installing the Python packages of tests/requirements.txt'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

clean:
	rm -rf site .venv .cache assets/node_modules tests/node_modules
