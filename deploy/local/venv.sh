#!/bin/sh
# Builds .venv from requirements.lock. Each thing that may be missing is one sentence with a way on.
set -eu
python=$1
fail() { echo "$1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "Python was not found as '$python'. Install Python 3.11 or newer, or run 'make PYTHON=/path/to/python3.11 …'."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old. Install Python 3.11 or newer, or run 'make PYTHON=/path/to/python3.11 …'."
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Python's venv module is missing; installing the Debian package $package."
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; } >/dev/null 2>&1 || true
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's venv module is missing. Install it with 'sudo apt-get install $package', then try again."
fi

echo "Building .venv from requirements.lock."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A .venv whose building was killed half-way has no stamp; one of another Python cannot be used.
[ -x .venv/bin/python ] && .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf .venv
{
    { [ -x .venv/bin/pip ] || "$python" -m venv .venv; } &&
        .venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock &&
        .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
} >"$log" 2>&1 || {
    reason=$(grep -iE 'error|no space' "$log" | tail -n 1)
    fail "The Python packages could not be installed: ${reason:-$(tail -n 1 "$log")} Check the network and the free space, then run make again."
}
touch .venv/.ready
