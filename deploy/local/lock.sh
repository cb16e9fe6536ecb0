#!/bin/sh
# Renews requirements.lock. It holds names, versions and hashes; never an address or a path of this machine.
set -eu
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools"
"$tools/bin/python" -m pip install --quiet pip-tools
"$tools/bin/pip-compile" --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
    --strip-extras --extra test --all-build-deps --allow-unsafe --output-file "$tools/lock" pyproject.toml
{
    # shellcheck disable=SC2016
    echo '# Every package with its hashes. Renew it with `make lock` after changing the dependencies in pyproject.toml.'
    cat "$tools/lock"
} >requirements.lock
