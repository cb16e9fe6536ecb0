#!/usr/bin/env bash
# Runs every kind of test, even after a failure, and sums up. Some side by side, each with servers of its own: much of the
# time tests wait for sessions to end and processes to start. GREENPOINTS_TEST_LANES says how many; else one more than there
# are cores, at most 4.
set -u
unset PYTHONDONTWRITEBYTECODE # some three hundred processes start: else each compiles all our modules anew
# The longest first. `books` are the integration tests of the two services that keep points; `integration` all others.
kinds=(books faults integration end_to_end unit browser contract lint)
books=(tests/integration/earning tests/integration/redemption)
cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
lanes=${GREENPOINTS_TEST_LANES:-$((cores < 3 ? cores + 1 : 4))}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
set -m # each kind a process group of its own, which Ctrl-C reaches through us
stop() {
    trap '' INT TERM
    echo "Interrupted."
    for group in $(jobs -p); do kill -INT -- "-$group" 2>/dev/null; done
    wait
    exit 130
}
trap stop INT TERM

run() {
    case $1 in
        lint) deploy/local/lint.sh ;;
        books) .venv/bin/python -m pytest -q "${books[@]}" ;;
        integration) .venv/bin/python -m pytest -q tests/integration "${books[@]/#/--ignore=}" ;;
        *) .venv/bin/python -m pytest -q "tests/$1" ;;
    esac
}

report() {
    local before=$SECONDS outcome=passed
    run "$1" >"$results/$1.log" 2>&1 || outcome=FAILED
    printf '%-12s %s in %d s\n' "$1" "$outcome" $((SECONDS - before)) >"$results/$1.sum"
    # one write, so that the lanes do not mix
    printf '\n== %s\n%s\n' "$(cat "$results/$1.sum")" "$(cat "$results/$1.log")"
}

before=$SECONDS
.venv/bin/python -m deploy.local.prepare || echo "prepare      FAILED" >"$results/prepare.sum"
echo "Running, $lanes at a time, each shown when it ends: ${kinds[*]}"
for kind in "${kinds[@]}"; do
    while (($(jobs -pr | wc -l) >= lanes)); do wait -n 2>/dev/null || sleep 1; done
    report "$kind" &
done
wait
printf '\n== Summary\n'
cat "$results"/*.sum
printf 'all together in %d s\n' $((SECONDS - before))
! grep -q FAILED "$results"/*.sum
