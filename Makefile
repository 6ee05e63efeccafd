# A fresh machine needs python3 >= 3.11 (with venv and pip) and make. Everything else is fetched
# pinned and checked, once, into a cache outside the work tree (AMENDS_CACHE, ~/.cache/amends).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
export PYTHON
export AMENDS_CACHE := $(or $(AMENDS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/amends)

# Looked up once, and only by a target that uses it.
VENV = $(eval VENV := $$(shell sh hack/venv.sh --path))$(VENV)

# Only `make demo KUBECONFIG=...` may reach a cluster that is not ours. What the shell happens to
# point at is hidden from the tests, the bench and the demo.
ifeq ($(origin KUBECONFIG),command line)
DEMO_ARGS := --kubeconfig '$(KUBECONFIG)'
else
unexport KUBECONFIG
endif

.PHONY: help
help: ## show this
	@echo 'make TARGET [ARGS="..."]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: venv controlplane ## the whole story on a control plane of its own; KUBECONFIG=path for yours
	@$(VENV)/bin/python examples/demo/demo.py $(DEMO_ARGS) $(ARGS)

.PHONY: test
test: lint types controlplane ## lint, types, import rules, then every test; ARGS="-k name" for some
	@$(VENV)/bin/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term $(ARGS)

.PHONY: lint
lint: venv ## ruff, its formatter as a check, and the import rules
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/lint-imports

.PHONY: format
format: venv ## format, and fix what ruff can fix
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

.PHONY: types
types: venv ## mypy, strict
	@$(VENV)/bin/mypy

.PHONY: crds
crds: venv ## write crds/ and the diagrams from the types; a test fails while they differ
	@$(VENV)/bin/amends crds --write crds/
	@$(VENV)/bin/amends diagrams --write docs/machines.md
	@$(VENV)/bin/amends diagrams --write README.md

.PHONY: controlplane
controlplane: venv ## build the pinned etcd, kube-apiserver and friends, once; prints their folder
	@$(VENV)/bin/python hack/controlplane/build.py

.PHONY: bench
bench: venv controlplane ## measure; every number in the docs names its ARGS
	@$(VENV)/bin/python tests/bench/bench.py $(ARGS)

.PHONY: lock
lock: venv ## write both locks from pyproject.toml; ARGS=--upgrade takes newer versions
	@$(call COMPILE,requirements.lock)
	@$(call COMPILE,requirements-dev.lock,--group dev --constraints requirements.lock)

.PHONY: clean
clean: ## remove what the tools left in the work tree; the shared cache stays
	@rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache build dist htmlcov
	@find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
	@echo 'The environment and the built control plane stay in $(AMENDS_CACHE).'

.PHONY: venv
venv:
	@sh hack/venv.sh >/dev/null

# COMPILE: the lock's name, further flags. The locks hold names, versions and hashes, no addresses;
# --universal makes one lock for every platform and every Python from 3.11 on.
COMPILE = $(VENV)/bin/uv pip compile pyproject.toml $(2) --output-file $(1) $(ARGS) --quiet \
	--no-config --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
