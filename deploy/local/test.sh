#!/bin/bash
# Runs every kind of test, even after a failure, and sums up. Four lanes side by side, each with servers of its own:
# much of the time tests wait for sessions to end and processes to start. GREENPOINTS_TEST_LANES=1 runs one after the other.
set -u
# `books` are the integration tests of the two services that keep points; `integration` all others.
lanes=("lint unit contract end_to_end browser" "integration" "books" "faults")
books=(tests/integration/earning tests/integration/redemption)
[ "${GREENPOINTS_TEST_LANES:-4}" = 1 ] && lanes=("${lanes[*]}")
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
set -m # each lane a process group of its own, which Ctrl-C reaches through us
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

lane() {
    local kind before outcome
    for kind in "$@"; do
        before=$SECONDS outcome=passed
        run "$kind" >"$results/$kind.log" 2>&1 || outcome=FAILED
        printf '%-12s %s in %d s\n' "$kind" "$outcome" $((SECONDS - before)) >"$results/$kind.sum"
        # one write, so that the lanes do not mix
        printf '\n== %s\n%s\n' "$(cat "$results/$kind.sum")" "$(cat "$results/$kind.log")"
    done
}

before=$SECONDS
.venv/bin/python -m deploy.local.prepare || echo "prepare      FAILED" >"$results/prepare.sum"
echo "Running, each shown when it ends: ${lanes[*]}"
for kinds in "${lanes[@]}"; do
    # shellcheck disable=SC2086 - a lane is a list of words
    lane $kinds &
done
wait
printf '\n== Summary\n'
cat "$results"/*.sum
printf 'all together in %d s\n' $((SECONDS - before))
! grep -q FAILED "$results"/*.sum
