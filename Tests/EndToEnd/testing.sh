#!/usr/bin/env bash
# A TPM for tests in other languages: `vtpm test-tpm`, and a suite in Python that has nothing of this project; and, where
# they are installed, TrouSerS and tpm-tools with the same TPM.
#
#     Tests/EndToEnd/testing.sh
#
# `vtpm` is the binary that the variable VTPM names, or else the one in `swift build --show-bin-path`. Each check prints
# `ok CHECK` or `FAILED CHECK`; the last line is `N passed, M failed`, and the exit status is 0 when nothing failed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
vtpm=${VTPM:-$(swift build --show-bin-path)/vtpm}
[ -x "$vtpm" ] || { echo "no vtpm at $vtpm" >&2; exit 2; }
exec python3 Tests/EndToEnd/testing.py "$vtpm"
