# Every path is relative, so the checkout may lie in a directory with spaces in its name.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)
IN_VENV := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test chaos lint fix docs clean
.DEFAULT_GOAL := help

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: .venv/.installed ## Make a project in a temporary folder, check it, move its data
	@sh .ci/demo

# Hundreds of tests start a Python: what it imports is compiled once.
test: .venv/.installed-dev ## Run all tests (about 15 minutes on 2 cores)
	PYTHONDONTWRITEBYTECODE= $(IN_VENV) tests/in_memory.py \
		$(IN_VENV) -m pytest -n auto --dist loadgroup -o tmp_path_retention_policy=failed $(ONLY)

# A seed repeats a soak:  make chaos HYGGE_CHAOS_SEED=123
ifndef HYGGE_CHAOS_SEED
HYGGE_CHAOS_SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif
HYGGE_CHAOS_ROUNDS ?= 200
chaos: .venv/.installed-dev ## Fail every call and connection in turn, and soak 200 random rounds
	@echo "HYGGE_CHAOS_SEED=$(HYGGE_CHAOS_SEED) HYGGE_CHAOS_ROUNDS=$(HYGGE_CHAOS_ROUNDS)"
	HYGGE_CHAOS=long HYGGE_CHAOS_SEED=$(HYGGE_CHAOS_SEED) \
		HYGGE_CHAOS_ROUNDS=$(HYGGE_CHAOS_ROUNDS) $(IN_VENV) tests/in_memory.py \
		$(IN_VENV) -m pytest -n auto -o tmp_path_retention_policy=failed tests/chaos \
		tests/files/test_generations_killed.py tests/sql/test_merges_killed.py \
		tests/test_killed_runs.py

lint: .venv/.installed-dev ## Check style and types, change nothing
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy

fix: .venv/.installed-dev ## Repair what ruff can repair
	$(IN_VENV) -m ruff check --fix .
	$(IN_VENV) -m ruff format .

docs: .venv/.installed-dev ## Write the pages in docs/ that are made, and the schemas of the examples
	$(IN_VENV) docs/connectors.py
	$(IN_VENV) docs/errors.py
	$(IN_VENV) docs/flows.py
	$(IN_VENV) docs/project.py
	for example in quickstart flights warehouse incremental api; do $(IN_VENV) -m hygge -C examples/$$example schema; done

clean: ## Remove .venv and what tools left behind
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Debian's Python comes without ensurepip; its pip can then fill the .venv from outside.
.venv/.made:
	@test -n "$(PYTHON)" || { \
		echo "hygge needs Python 3.11 or newer, and none was found."; \
		echo "Install one, or name it:  make demo PYTHON=/path/to/python3.12"; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; \
	then $(PYTHON) -m venv .venv; \
	else $(PYTHON) -m venv --without-pip .venv \
		&& $(PYTHON) -m pip --python $(IN_VENV) install --quiet pip \
		|| { echo "$(PYTHON) has neither ensurepip nor a pip >= 22.3."; \
			echo "On Debian or Ubuntu:  apt install python3-venv"; rm -rf .venv; exit 1; }; \
	fi
	@touch $@

.venv/.installed: .venv/.made pyproject.toml
	$(IN_VENV) -m pip install --quiet --editable .
	@touch $@

.venv/.installed-dev: .venv/.made pyproject.toml
	$(IN_VENV) -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/.installed
