# A fresh machine needs python3 >= 3.11 (with venv and pip) and make. Everything else is fetched
# pinned and checked, once, into a cache outside the work tree (AMENDS_CACHE, ~/.cache/amends).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
export PYTHON
export AMENDS_CACHE := $(or $(AMENDS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/amends)

# What Python compiles is kept, and out of the work tree: the tests start some hundred operators.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(AMENDS_CACHE)/bytecode

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

# How many processes share the tests. Which stay together, and in what order: tests/support/together.py
PROCESSES ?= 2

.PHONY: test
test: lint types programs ## lint, types, import rules, then every test; ARGS="-k name" for some
	@$(VENV)/bin/python -m pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder $(ARGS)

# Tracing slows the pure tests down, so it is no part of `make test`.
.PHONY: coverage
coverage: venv ## which branches of the core the pure tests take
	@$(VENV)/bin/python -m pytest -n $(PROCESSES) --cov --cov-report=term \
		tests/unit tests/property $(ARGS)

.PHONY: search
search: venv ## look longer for a world or an order of events in which the core errs
	@AMENDS_EXAMPLES=1000 $(VENV)/bin/python -m pytest -n $(PROCESSES) tests/property $(ARGS)

.PHONY: redaction
redaction: venv ## look for planted secrets in 10,000 random payloads; `make test` draws fewer
	@AMENDS_CASES=10000 $(VENV)/bin/python -m pytest -n 0 \
		tests/property/test_redaction_payloads.py $(ARGS)

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
crds: venv ## write crds/, the chart's copies and the diagrams; a test fails while they differ
	@$(VENV)/bin/amends crds --write crds/
	@$(VENV)/bin/amends crds --write charts/amends/files/crds/
	@$(VENV)/bin/amends policies --write charts/amends/files/policies/
	@$(VENV)/bin/amends diagrams --write docs/machines.md
	@$(VENV)/bin/amends diagrams --write README.md

.PHONY: chart
chart: crds ## write the generated parts of charts/amends: the copies, the table of its values
	@$(VENV)/bin/python hack/chart/values_table.py

.PHONY: controlplane
controlplane: venv ## build the pinned etcd, kube-apiserver and friends, once; prints where they are
	@$(VENV)/bin/python hack/controlplane/build.py

.PHONY: programs
programs: venv ## build all that a test runs: the control plane, helm, the node, the image
	@$(VENV)/bin/python hack/controlplane/build.py --all
	@$(VENV)/bin/python hack/node/machine.py
	@$(VENV)/bin/python hack/image/image.py --if-possible

.PHONY: node
node: programs ## run a real node until Ctrl-C, as root; ARGS="image.tar" loads images
	@$(VENV)/bin/python hack/node/node.py $(ARGS)

ENGINE ?= docker
VERSION ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/amends/__init__.py)
TAG ?= amends:$(VERSION)

.PHONY: image
image: ## build the operator's image; BASE=image, TAG=name, ENGINE=docker, podman or buildah
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) && export SOURCE_DATE_EPOCH && \
	$(ENGINE) build --tag $(TAG) $(if $(BASE),--build-arg BASE=$(BASE)) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
		$(if $(filter docker,$(ENGINE)),,--timestamp $$SOURCE_DATE_EPOCH) $(ARGS) .

.PHONY: bench
bench: venv controlplane ## measure; every number in the docs names its ARGS
	@$(VENV)/bin/python tests/bench/bench.py $(ARGS)

.PHONY: chaos
chaos: venv controlplane ## break it in every way we know, each campaign in full; ARGS=crash for one
	@$(VENV)/bin/python tests/chaos/chaos.py $(ARGS)

.PHONY: lock
lock: venv ## write the locks from pyproject.toml; ARGS=--upgrade takes newer versions
	@$(call COMPILE,requirements.lock,pyproject.toml)
	@$(call COMPILE,requirements-build.lock,--group build)
	@$(call COMPILE,requirements-dev.lock,pyproject.toml --group dev \
		--constraints requirements.lock --constraints requirements-build.lock)

# Where `make sbom` writes; reproducible: the same lock gives the same bytes.
SBOM ?= dist/amends.cdx.json

.PHONY: sbom
sbom: venv ## a CycloneDX bill of materials of what the operator ships; SBOM=path for elsewhere
	@mkdir -p $(dir $(SBOM))
	@PYTHONWARNINGS=ignore $(VENV)/bin/cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml --output-reproducible --short-PURLs --output-file $(SBOM) \
		$(ARGS)

.PHONY: licenses
licenses: venv ## the licence of every package that the operator ships; fails on one not agreed to
	@$(VENV)/bin/python hack/supply/licenses.py

.PHONY: audit
audit: venv ## ask public advisories about the lock; says so (69) where none can be reached
	@$(VENV)/bin/python hack/supply/audit.py $(ARGS)

.PHONY: clean
clean: ## remove what the tools left in the work tree; the shared cache stays
	@rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache build dist htmlcov
	@find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
	@echo 'The environment and the built control plane stay in $(AMENDS_CACHE).'

.PHONY: venv
venv:
	@sh hack/venv.sh >/dev/null

# COMPILE: the lock's name, what goes into it. The locks hold names, versions and hashes, no addresses;
# --universal makes one lock for every platform and every Python from 3.11 on.
COMPILE = $(VENV)/bin/uv pip compile $(2) --output-file $(1) $(ARGS) --quiet \
	--no-config --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
