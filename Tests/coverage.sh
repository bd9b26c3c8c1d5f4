#!/usr/bin/env bash
# Runs the tests and prints how many of the engine's lines they reach.
#
#     Tests/coverage.sh [MODULE] [FILTER]
#     swift test --enable-code-coverage && Tests/coverage.sh --ran [MODULE]
#
# MODULE is a folder of Sources, TPMEngine unless told. FILTER, a regular expression as `swift test --filter` takes it,
# runs only some of the tests. The tests are built in .build/coverage, so that the usual build stays as it is. With
# --ran it runs none and reads what the last run of the usual build left.
#
# Prints the line coverage of the module, and each of its files that is below 80 %, worst first. The exit status is 0 at
# 90 % or more, 1 below, 2 when the tests fail or there is nothing to measure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

ran=
[ "${1:-}" = --ran ] && { ran=yes; shift; }
module=${1:-TPMEngine}
scratch=${ran:+.build}
scratch=${scratch:-.build/coverage}
[ -d "Sources/$module" ] || { echo "no module Sources/$module" >&2; exit 2; }

[ -n "$ran" ] || swift test --enable-code-coverage --scratch-path "$scratch" ${2:+--filter "$2"} >"$scratch.log" 2>&1 || {
    grep -E "error:|✘" "$scratch.log" | head -20
    echo "the tests fail; all that they print is in $scratch.log" >&2
    exit 2
}
report=$(swift test --show-codecov-path --scratch-path "$scratch" 2>/dev/null | tail -1)
[ -f "$report" ] || { echo "no report of llvm-cov at '$report'" >&2; exit 2; }

python3 - "$report" "/Sources/$module/" <<'REPORT'
import json, sys

report, folder = sys.argv[1:]
files = []
for file in json.load(open(report))["data"][0]["files"]:
    lines = file["summary"]["lines"]
    if folder in file["filename"] and lines["count"]:
        files.append((lines["covered"], lines["count"], file["filename"].split("/Sources/")[-1]))
if not files:
    sys.exit(2)
for covered, count, name in sorted(files, key=lambda file: file[0] / file[1]):
    if covered / count < 0.8:
        print(f"{covered / count:7.1%}  {covered:5} of {count:5} lines  {name}")
covered, count = (sum(file[number] for file in files) for number in (0, 1))
print(f"{covered / count:7.1%}  {covered:5} of {count:5} lines  {folder.split('/')[-2]} ({len(files)} files)")
sys.exit(0 if covered / count >= 0.9 else 1)
REPORT
