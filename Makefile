# make demo: one Chinese and one English call through the whole service. make test: every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK ?= requirements.lock
STAMP := $(VENV)/.installed-$(LOCK)

.DEFAULT_GOAL := help
.PHONY: help install demo test ray check format lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: $(STAMP) ## .venv from the pinned, hashed versions in requirements.lock, Whisper base among them; LOCK=requirements-ray.lock with Ray

$(STAMP): $(LOCK) pyproject.toml
	@echo "Installing Huazha into $(VENV) (about 2 minutes and a gigabyte, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Huazha needs Python 3.11 or newer; make install PYTHON=python3.12 picks another")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: install ## starts the service, plays two bundled calls to it, shows what it says and blocks
	@$(BIN)/huazha demo

test: install ## every test, with the real model over real sockets
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

ray: ## the tests that need Ray, on a local cluster of two workers; installs it too (400 MB)
	@$(MAKE) --no-print-directory install LOCK=requirements-ray.lock
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup tests/streamer/ray tests/streamer/recognition/test_recognizer.py

check: install ## lint, format, strict types, direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## rewrite the sources as the linter wants them
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

PINS := --extra models --extra postgres --extra parquet --extra dev --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

lock: ## renew requirements.lock and requirements-ray.lock from pyproject.toml
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet uv
	@$(VENV)-lock/bin/uv pip compile pyproject.toml $(PINS) --upgrade --output-file requirements.lock
	@$(VENV)-lock/bin/uv pip compile pyproject.toml $(PINS) --extra ray --constraint requirements.lock --upgrade --output-file requirements-ray.lock
	@rm -rf $(VENV)-lock

clean: ## remove .venv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
