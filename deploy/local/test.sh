#!/bin/bash
# Runs every kind of test, even after a failure, and sums up.
set -u
failed=0
summary=()

step() {
    local name=$1 before=$SECONDS outcome=passed
    shift
    printf '\n== %s\n' "$name"
    "$@" || { outcome=FAILED; failed=1; }
    summary+=("$(printf '%-12s %s in %d s' "$name" "$outcome" $((SECONDS - before)))")
}

trap 'echo "Interrupted."; exit 130' INT
step lint deploy/local/lint.sh
for kind in unit contract integration end_to_end browser faults; do
    step "$kind" .venv/bin/python -m pytest -q "tests/$kind"
done
printf '\n== Summary\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
