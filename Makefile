# `make demo` and `make test` need Python 3.11 or newer and do all other set-up by themselves.
PYTHON ?= python3
READY := .venv/.ready
.DEFAULT_GOAL := help
.PHONY: help demo up test compiled bench faults planted lint lock clean

help: ## say what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

demo: $(READY) ## start everything, let people buy, recycle and refer, find the ring, audit it
	@.venv/bin/greenpoints demo

up: $(READY) ## run Kafka, PostgreSQL and the services until Ctrl-C
	@.venv/bin/greenpoints up

test: $(READY) ## lint, then unit, contract, integration, end-to-end, browser and short fault tests
	@deploy/local/test.sh

compiled: $(READY) ## build the hot modules with a C compiler, half a minute; says how to use them
	@.venv/bin/python -m deploy.local.compiled

bench: $(READY) ## measure throughput, latency and memory against their targets; a quarter of an hour
	@.venv/bin/python -m tests.benchmarks --json .state/bench.json

faults: $(READY) ## the long fault run: 50,000 events, every kind of fault, a report
	@.venv/bin/python -m tests.faults

planted: $(READY) ## plant bugs in copies of the tree and show which test catches each; NAMES="…" chooses
	@.venv/bin/python -m tests.faults.planted $(NAMES)

lint: $(READY) ## ruff, mypy --strict, import contracts
	@deploy/local/lint.sh

lock: $(READY) ## renew requirements.lock from pyproject.toml
	@deploy/local/lock.sh

clean: ## stop leftovers, delete .venv, the state directory and all caches
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m deploy.local.clean; fi
	@rm -rf .venv .state build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): requirements.lock pyproject.toml
	@deploy/local/venv.sh "$(PYTHON)"
