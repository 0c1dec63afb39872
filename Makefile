# `make` alone lists the targets. `make demo` and `make test` set everything up by themselves.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

# The functions' runtime is python3.11 (the newest that provider 5.100 and the local interpreter both take),
# and the local cloud runs them in this interpreter: prefer that version.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1mmake %-12s\033[0m %s\n", $$1, $$2}'

.PHONY: setup
setup: $(READY) ## Make .venv with opsctl and everything it needs (nothing to do: at once)

$(READY): requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(f"opsctl needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@grep -A30 '^uv==' requirements.lock | awk 'NR==1 || /--hash/ {print; next} {exit}' > $(VENV)/uv.lock
	@$(BIN)/python -m pip install -q --require-hashes --no-deps -r $(VENV)/uv.lock
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: lock
lock: setup ## Renew requirements.lock (exact versions with hashes) from pyproject.toml
	@$(BIN)/uv pip compile -q pyproject.toml --all-extras --group dev --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements.lock
