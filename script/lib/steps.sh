# Sourced by script/test and .ci/run: named steps, their time, their results, one sum.
# shellcheck shell=bash

passed=0
failed=0
report=()

# step NAME COUNTER COMMAND…: runs a command and counts its tests. COUNTER is a function that reads
# the output and prints "PASSED FAILED"; a command that fails has at least one failure.
step() {
    local name=$1 counter=$2 output status=0 began=$SECONDS good bad
    shift 2
    printf '\n=== %s\n' "$name"
    output=$(mktemp)
    "$@" 2>&1 | tee "$output" || status=${PIPESTATUS[0]}
    read -r good bad < <("$counter" "$output")
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    rm -f "$output"
    passed=$((passed + good))
    failed=$((failed + bad))
    report+=("$(printf '%-28s %5d passed %4d failed %5d s' "$name" "$good" "$bad" $((SECONDS - began)))")
}

# A command that is itself one check.
one_check() { if [ "$status" -eq 0 ]; then echo "1 0"; else echo "0 1"; fi; }

# "test result: ok. 12 passed; 0 failed; …", one line for each test program.
cargo_tests() {
    awk '/^test result: / { for (i = 1; i < NF; i++) { if ($(i + 1) == "passed;") good += $i; if ($(i + 1) == "failed;") bad += $i } }
         END { print good + 0, bad + 0 }' "$1"
}

# "# pass 12" and "# fail 0" of the TAP reporter of Node.js.
node_tests() {
    awk '$1 == "#" && $2 == "pass" { good += $3 } $1 == "#" && ($2 == "fail" || $2 == "cancelled") { bad += $3 }
         END { print good + 0, bad + 0 }' "$1"
}

# Prints the table and the sum, the sum as the last line; fails when something failed or nothing ran.
summary() {
    printf '\n=== summary\n'
    printf '%s\n' "${report[@]}"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
