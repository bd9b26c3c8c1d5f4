#!/bin/sh
# What vtpm is for, in one run: a TPM is started, owned, and made to keep a secret that it gives out only while the
# machine's PCRs are what they were. Exits with 1 as soon as something is not as said here.
#
#   Tests/EndToEnd/demonstration.sh          builds vtpm first
#   VTPM=/usr/bin/vtpm Tests/EndToEnd/demonstration.sh
set -eu

cd "$(dirname "$0")/../.."
if [ -z "${VTPM:-}" ]; then
    swift build --product vtpm
    VTPM="$(swift build --show-bin-path)/vtpm"
fi

dir=$(mktemp -d)
emulator=
finish() {
    status=$?
    trap - EXIT
    if [ -n "$emulator" ]; then
        kill "$emulator" 2>/dev/null || true
        wait "$emulator" 2>/dev/null || true
    fi
    if [ "$status" -ne 0 ] && [ -s "$dir/emulator.log" ]; then
        echo "What the emulator said:" >&2
        cat "$dir/emulator.log" >&2
    fi
    rm -rf "$dir"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# Runs a verb that has to succeed. (A pipe to sed would hide the exit code.)
succeed() {
    printf '   $ vtpm %s\n' "$*"
    "$VTPM" "$@" >"$dir/said" 2>&1 || { cat "$dir/said" >&2; fail "vtpm $1 did not succeed"; }
    cut -c1-110 "$dir/said" | sed 's/^/   /'
}

# Runs a verb that the TPM has to refuse with this return code, and exit code 1.
refused() {
    code=$1
    shift
    printf '   $ vtpm %s\n' "$*"
    status=0
    "$VTPM" "$@" >"$dir/said" 2>&1 || status=$?
    sed 's/^/   /' "$dir/said"
    [ "$status" -eq 1 ] || fail "vtpm $1 exited with $status, not with 1"
    grep -qw "$code" "$dir/said" || fail "vtpm $1 did not name $code"
}

printf 'the owner of this machine\n' >"$dir/owner"
printf 'the key to the disk' >"$dir/secret"
export VTPM_TPM="unix:$dir/tpm"

say "A TPM starts; it keeps nothing when it ends."
"$VTPM" emulate --ephemeral --listen "unix:$dir/tpm" >"$dir/emulator.log" 2>&1 &
emulator=$!
tries=0
until [ -S "$dir/tpm" ]; do
    kill -0 "$emulator" 2>/dev/null || fail "vtpm emulate ended at once"
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || fail "vtpm emulate does not listen after ten seconds"
    sleep 0.1
done
succeed info

say "It gets its endorsement key, which it has for life, and an owner."
succeed create-ek
succeed take-ownership --owner-auth-file "$dir/owner"
"$VTPM" info | grep -q '^Owner: *installed' || fail "vtpm info does not show the owner"

say "The machine measures what it starts: every measurement goes into a PCR."
succeed extend 8 --data Tests/EndToEnd/demonstration.sh
"$VTPM" pcrs >"$dir/pcrs"
[ "$(wc -l <"$dir/pcrs")" -eq 24 ] || fail "vtpm pcrs did not show 24 PCRs"
grep '^PCR-08' "$dir/pcrs" | sed 's/^/   /'

say "A secret is sealed to the PCRs as they are now."
succeed seal --pcr 0 8 --in "$dir/secret" --out "$dir/sealed"
if grep -q "$(cat "$dir/secret")" "$dir/sealed"; then fail "the sealed file shows the secret"; fi

say "While they are so, the TPM unseals it."
succeed unseal --in "$dir/sealed" --out "$dir/unsealed"
cmp "$dir/secret" "$dir/unsealed" || fail "what was unsealed is not what was sealed"
[ "$(stat -c %a "$dir/unsealed")" = 600 ] || fail "others may read what was unsealed"
echo "   it says: $(cat "$dir/unsealed")"
rm "$dir/unsealed"

say "Something else starts, and is measured."
succeed extend 8 --digest 00000000000000000000000000000000000000ff

say "Now the TPM refuses: this is not the machine that the secret was sealed to."
refused TPM_WRONGPCRVAL unseal --in "$dir/sealed" --out "$dir/unsealed"
[ ! -e "$dir/unsealed" ] || fail "a refused unseal left a file"

say "All was as said."
