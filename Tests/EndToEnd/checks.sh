# shellcheck shell=bash
# How qemu.sh and manager.sh check and count. A check prints `ok CHECK` or `FAILED CHECK`, a failed one with what was
# seen.
#
# Needs: $work, a directory of this run; $logs, patterns of the files in it that tell why nothing goes on.
# shellcheck disable=SC2154

passed=0 failed=0

check() { # NAME COMMAND...: must succeed
    local name=$1
    shift
    if "$@" >"$work/output" 2>&1; then ok "$name"; else fail "$name"; fi
}

ok() {
    passed=$((passed + 1))
    echo "ok $1"
}

fail() {
    failed=$((failed + 1))
    echo "FAILED $1"
    head -c 4000 "$work/output" | sed 's/^/    /'
}

# As check, but nothing that follows makes sense when it fails.
must() { # NAME COMMAND...
    local before=$failed log
    check "$@"
    [ "$failed" -gt "$before" ] || return 0
    # shellcheck disable=SC2086
    for log in $(cd "$work" && ls $logs 2>/dev/null); do
        [ -s "$work/$log" ] || continue
        echo "-- the end of $log:"
        tail -n 20 "$work/$log" | tr -d '\r' | sed 's/^/    /'
    done
    finish
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
