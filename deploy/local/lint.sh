#!/bin/sh
# Style, types and the rules of who may import whom.
set -eu
.venv/bin/ruff check --no-cache services shared deploy tests
.venv/bin/ruff format --check services shared deploy tests
.venv/bin/mypy
.venv/bin/lint-imports --no-cache
