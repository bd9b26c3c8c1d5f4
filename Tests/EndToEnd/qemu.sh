#!/usr/bin/env bash
# Boots Debian's kernel under QEMU with a TPM 1.2 of an emulator that speaks swtpm's control protocol.
#
#     Tests/EndToEnd/qemu.sh [vtpm|swtpm]
#
# vtpm (the default) is this project's `vtpm swtpm`, swtpm is Debian's emulator, the peer. SeaBIOS and Linux' IMA
# measure the boot; a second machine boots the same under swtpm, and both TPMs must hold the same measurements. The
# guest owns its TPM, seals, reboots and unseals; it is suspended to a file and resumed by another QEMU with another
# emulator on the same state; it moves to another QEMU while both run, and stays whole when that fails.
#
# Needs Debian 12's packages qemu-system-x86, seabios, busybox-static, cpio and swtpm, and the lists of `apt-get update`
# to find the kernel, which is kept in .build/qemu. The variable VTPM names the binary for the guest and for the
# emulator; without it that is .build/release/vtpm. No virtualisation is needed: the processor is QEMU's own.
#
# Every check prints `ok CHECK` or `FAILED CHECK`, a failed one with what was seen. The last line is `N passed,
# M failed`; the exit status is 0 when nothing failed. It leaves nothing behind but .build/qemu.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

emulator=${1:-vtpm}
case $emulator in vtpm | swtpm) ;; *) echo "usage: $0 [vtpm|swtpm]" >&2; exit 2 ;; esac
vtpm=${VTPM:-.build/release/vtpm}
[ -x "$vtpm" ] || { echo "no vtpm at $vtpm: swift build -c release --product vtpm" >&2; exit 2; }
for tool in qemu-system-x86_64 busybox cpio swtpm; do
    [ -n "$(command -v $tool)" ] || { echo "$tool is missing" >&2; exit 2; }
done

cache=.build/qemu
mkdir -p "$cache" || exit 2
work=$(mktemp -d)
memory=512
passed=0 failed=0
. Tests/EndToEnd/qemu-machine.sh
. Tests/EndToEnd/qemu-commands.sh
trap 'end_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# -- Checks -------------------------------------------------------------------------------------------------------

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
    for log in "$work"/*.console "$work"/*.qemu "$work"/*.emulator; do
        [ -s "$log" ] || continue
        echo "-- the end of ${log##*/}:"
        tail -n 20 "$log" | tr -d '\r' | sed 's/^/    /'
    done
    finish
}

refused() { # NAME REASON MACHINE COMMAND: the guest's command must fail, and say why
    local output
    output=$(guest "$3" "$4")
    case $? in 0 | 124) ;; *) grep -q "$2" <<<"$output" && { ok "$1"; return; } ;; esac
    echo "$output" >"$work/output"
    fail "$1"
}

same() { # FILE FILE
    diff "$1" "$2"
}

shows() { # PATTERN MACHINE COMMAND: the guest's command succeeds and prints a line that matches
    local output
    output=$(guest "$2" "$3") || { echo "$output"; return 1; }
    grep -E "$1" <<<"$output" || { echo "$output"; return 1; }
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# -- What runs ----------------------------------------------------------------------------------------------------

if [ "$emulator" = vtpm ]; then
    ln -s "$(realpath "$vtpm")" "$work/swtpm"
    tested=$work/swtpm
else
    tested=swtpm
fi

fetch_kernel || exit 2
build_initramfs || exit 2
printf 'vtpm for the guest: %s bytes, the initramfs %s\n' "$(stat -L -c %s "$vtpm")" "$(stat -c %s "$initramfs")"

# rootfstype=ramfs: IMA's standard policy passes over tmpfs, which the initramfs is in otherwise.
measured="ima_policy=tcb rootfstype=ramfs"

echo "== SeaBIOS and Linux measure the boot"
swtpm=swtpm
must "swtpm starts" start_emulator peer "$work/peer-state"
must "QEMU starts with swtpm" start_machine peer "$measured"
swtpm=$tested
must "the emulator starts" start_emulator one "$work/state"
must "QEMU starts with the emulator" start_machine one "$measured"
must "the guest is up" guest_is_up one 1
must "the same guest is up with swtpm" guest_is_up peer 1

# What the TPM and the two logs hold. The client was measured, too, when IMA's log is read.
measurements() { # MACHINE
    guest "$1" 'vtpm pcrs >/dev/null; cat /sys/kernel/security/ima/ascii_runtime_measurements' >"$work/$1.ima" &&
        guest "$1" 'cat /sys/kernel/security/tpm0/ascii_bios_measurements' >"$work/$1.bios" &&
        guest "$1" 'cat /sys/class/tpm/tpm0/pcrs' >"$work/$1.pcrs" && guest "$1" 'vtpm pcrs' >"$work/$1.client-pcrs"
}
extended() { # MACHINE FIRST LAST: the PCRs are not what they are after a start
    local pcr
    for pcr in $(seq -f %02g "$2" "$3"); do
        grep "^PCR-$pcr: " "$work/$1.pcrs" | grep -v '\(00 \)\{19\}00' || { cat "$work/$1.pcrs"; return 1; }
    done
}
entries() { # FILE COUNT
    cat "$1"
    [ "$(wc -l <"$1")" -ge "$2" ]
}
check "the guest reads its measurements" measurements one
check "the guest with swtpm reads its measurements" measurements peer
check "sysfs shows 24 PCRs" test "$(grep -c '^PCR-[0-9][0-9]:\( [0-9A-F][0-9A-F]\)\{20\} *$' "$work/one.pcrs")" -eq 24
check "sysfs says TCG version 1.2" shows '^TCG version: 1\.2$' one 'cat /sys/class/tpm/tpm0/caps'
check "SeaBIOS extended PCRs 0 to 7" extended one 0 7
check "SeaBIOS' log has what it measured" entries "$work/one.bios" 8
check "IMA extended PCR 10" extended one 10 10
check "IMA's log has the boot, the shell and the client" entries "$work/one.ima" 10
check "the client reads the PCRs that the kernel reads" same <(sed 's/ *$//' "$work/one.pcrs") "$work/one.client-pcrs"
check "SeaBIOS' log is that of the boot under swtpm" same "$work/peer.bios" "$work/one.bios"
check "IMA's log is that of the boot under swtpm" same "$work/peer.ima" "$work/one.ima"
check "all PCRs are those of the boot under swtpm" same "$work/peer.pcrs" "$work/one.pcrs"
stop_machine peer

echo "== The guest owns its TPM, seals, and reboots"
secret="the key of the disk, $(nonce)"
sealed=
becomes_owner() { guest one "echo the owner >owner; vtpm take-ownership --owner-auth-file owner"; }
seals() {
    guest one "printf %s '$secret' >secret; vtpm seal --pcr 0 1 2 3 4 5 6 7 8 --in secret --out sealed" &&
        sealed=$(guest one 'base64 sealed | tr -d "\n"; echo')
    [ ${#sealed} -gt 300 ] || { echo "$sealed"; return 1; }
}
unseals() { # MACHINE
    shows "^$secret\$" "$1" "echo $sealed | base64 -d >sealed; vtpm unseal --in sealed --out -; echo"
}
check "the client in the guest makes the endorsement key" shows '^[0-9a-f]{512}$' one 'vtpm create-ek'
check "the client takes ownership" becomes_owner
check "the client seals to the PCRs of the boot" seals
check "it unseals" unseals one
check "a PCR is extended" guest one "vtpm extend 8 --digest $(sha1 "")"
refused "it does not unseal any more" TPM_WRONGPCRVAL one 'vtpm unseal --in sealed --out unsealed'
reboots() { # the same QEMU, and the same emulator
    guest one 'reboot -f' 5
    guest_is_up one 2
}
must "the guest reboots" reboots
after_reboot() {
    guest one 'cat /sys/class/tpm/tpm0/pcrs' | head -n 9 | diff <(head -n 9 "$work/one.pcrs") -
}
check "PCRs 0 to 8 are as after the first boot" after_reboot
check "the owner is still there" shows '^Owner: *installed' one 'vtpm info'
check "what was sealed before the reboot is unsealed" unseals one

finish
