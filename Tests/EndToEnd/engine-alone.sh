#!/usr/bin/env bash
# Builds a program that depends on the product TPMEngine and on nothing else of this package, runs it, and looks that
# no server came along.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The package's name is that of its folder, whatever a clone is called.
ln -s "$root" "$work/vtpm"
mkdir -p "$work/program/Sources/program"
cat >"$work/program/Package.swift" <<'SWIFT'
// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "program",
    dependencies: [.package(name: "vtpm", path: "../vtpm")],
    targets: [.executableTarget(name: "program", dependencies: [.product(name: "TPMEngine", package: "vtpm")])])
SWIFT
cat >"$work/program/Sources/program/main.swift" <<'SWIFT'
import TPMEngine

var tpm = TPM()
tpm.initialize()
// TPM_Startup(TPM_ST_CLEAR), then TPM_PCRRead of register 10.
let startup = tpm.execute([0, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, 1])
let read = tpm.execute([0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 10])
print(startup.response == [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0] && read.response.count == 30 ? "a TPM" : "no TPM")
SWIFT
cd "$work/program"
swift build 2>&1 | grep -E 'error|Compiling|Build' | tail -n 3
[ "$(swift run --skip-build program 2>/dev/null)" = "a TPM" ]
modules=$(find .build/debug/Modules -name '*.swiftmodule' -printf '%f\n' | sort | tr '\n' ' ')
echo "modules built: $modules"
! grep -qE 'NIO|TPMServer|ArgumentParser' <<<"$modules"
