# The commands of docs/interface: `make up` runs the portal, `make test` passes its tests.
PORT ?= 8000
PYTHON ?= python3
UV := .tools/bin/uv
RUN := .venv/bin/python
export UV_PYTHON_DOWNLOADS := never
export PYTHONDONTWRITEBYTECODE :=

.PHONY: up test check prove shots bench reset translations lint format help dev

help:
	@echo "make up [PORT=8000]   run the portal with its demo"
	@echo "make test             pass the tests"
	@echo "make check            tests, format, lint, types, contracts, migrations, translations"
	@echo "make prove            the full figures, by the same tests"
	@echo "make shots            pictures of every page, in data/shots"
	@echo "make bench            the benchmarks"
	@echo "make reset            forget the data of the demo"

$(UV): requirements-tools.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt install python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this one is older: apt install python3"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is needed: apt install python3-pip"; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore --require-hashes --upgrade --target .tools -r requirements-tools.txt
	@touch $(UV)

.venv/embedded: $(UV) requirements-embedded.txt
	@test -x $(RUN) || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip install --quiet --require-hashes --only-binary :all: --compile-bytecode --python $(RUN) -r requirements-embedded.txt
	@touch $@

.venv/dev: .venv/embedded requirements-dev.txt
	@$(UV) pip install --quiet --require-hashes --only-binary :all: --compile-bytecode --python $(RUN) -r requirements-dev.txt
	@touch $@

.venv/bench: .venv/dev requirements-bench.txt
	@$(UV) pip install --quiet --require-hashes --compile-bytecode --python $(RUN) -r requirements-bench.txt
	@touch $@

dev: .venv/dev translations

translations: .venv/embedded
	@.venv/bin/pybabel --quiet compile -d portal/locale -D django

STATIC := $(shell find static */static -type f 2>/dev/null)
.venv/static: .venv/embedded $(STATIC)
	@$(RUN) manage.py collectstatic --noinput --clear --verbosity 0 --ignore rest_framework --ignore 'redoc*'
	@touch $@

up: export DEMO := 1
up: export PROVIDER_HOSTS := 127.0.0.1:$(shell expr $(PORT) + 1)
up: .venv/embedded translations .venv/static
	@$(RUN) manage.py up --port $(PORT)

test: dev
	@$(RUN) -m tests.run -m "not prove" $(ARGS)

prove: dev
	@PROVE=1 $(RUN) -m tests.run $(ARGS)

shots: dev
	@mkdir -p data/shots
	@SHOTS=$(CURDIR)/data/shots PROVE=1 $(RUN) -m tests.run -n 0 -q tests/test_browser.py
	@echo "The pictures are in data/shots."

lint: dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/djade --check $$(git ls-files 'templates/*.html')
	@.venv/bin/mypy .
	@.venv/bin/lint-imports
	@$(RUN) manage.py makemigrations --check --dry-run
	@$(RUN) -m tests.translations

check: lint test

format: dev
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .
	@.venv/bin/djade $$(git ls-files 'templates/*.html')

bench: .venv/bench translations
	@$(RUN) -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROWS),--rows $(ROWS))

reset:
	@test ! -x $(RUN) || $(RUN) -m portal.embedded
	@rm -rf data
