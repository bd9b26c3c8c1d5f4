#!/usr/bin/env bash
# Boots Debian's kernel under QEMU with a TPM 1.2 of an emulator that speaks swtpm's control protocol.
#
#     Tests/EndToEnd/qemu.sh [vtpm|swtpm]
#
# vtpm (the default) is this project's `vtpm swtpm`, swtpm is Debian's emulator, the peer. SeaBIOS and Linux' IMA
# measure the boot; a second machine boots the same under swtpm, and both TPMs must hold the same measurements. The
# guest owns its TPM, seals, reboots and unseals; it is suspended to a file and resumed by another QEMU with another
# emulator on the same state; it moves to another QEMU while both run, and stays whole when that fails. With vtpm, a
# guest without a TPM runs `vtpm emulate --vtpm-proxy`, and its kernel makes a device of that.
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
for tool in qemu-system-x86_64 busybox cpio swtpm strip; do
    [ -n "$(command -v $tool)" ] || { echo "$tool is missing" >&2; exit 2; }
done

cache=.build/qemu
mkdir -p "$cache" || exit 2
work=$(mktemp -d)
memory=512 logs='*.console *.qemu *.emulator'
. Tests/EndToEnd/checks.sh
. Tests/EndToEnd/qemu-machine.sh
. Tests/EndToEnd/qemu-commands.sh
trap 'end_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# -- Checks -------------------------------------------------------------------------------------------------------

same() { # FILE FILE
    diff "$1" "$2"
}

# -- What runs ----------------------------------------------------------------------------------------------------

# A build that runs meanwhile changes nothing.
cp "$vtpm" "$work/vtpm" && vtpm=$work/vtpm || exit 2
if [ "$emulator" = vtpm ]; then
    ln -s vtpm "$work/swtpm"
    tested=$work/swtpm
else
    tested=swtpm
fi

fetch_kernel || exit 2
build_initramfs || exit 2
printf 'vtpm for the guest: %s bytes, the initramfs %s\n' "$(stat -c %s "$vtpm")" "$(stat -c %s "$initramfs")"

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
replays() { # MACHINE: IMA's log, extended one digest after the other, gives PCR 10
    local pcr=$well_known digest
    while read -r _ digest _; do pcr=$(sha1 "$pcr$digest"); done <"$work/$1.ima"
    echo "the log gives $pcr"
    sed -n 's/^PCR-10: //p' "$work/$1.pcrs" | tr -d ' ' | grep -ix "$pcr"
}
check "the guest reads its measurements" measurements one
check "the guest with swtpm reads its measurements" measurements peer
check "sysfs shows 24 PCRs" test "$(grep -c '^PCR-[0-9][0-9]:\( [0-9A-F][0-9A-F]\)\{20\} *$' "$work/one.pcrs")" -eq 24
check "sysfs says TCG version 1.2" shows '^TCG version: 1\.2$' one 'cat /sys/class/tpm/tpm0/caps'
check "SeaBIOS extended PCRs 0 to 7" extended one 0 7
check "SeaBIOS' log has what it measured" entries "$work/one.bios" 8
check "IMA extended PCR 10" extended one 10 10
check "IMA's log has the boot, the shell and the client" entries "$work/one.ima" 10
check "IMA's log gives PCR 10" replays one
check "the client reads the PCRs that the kernel reads" same <(sed 's/ *$//' "$work/one.pcrs") "$work/one.client-pcrs"
check "SeaBIOS' log is that of the boot under swtpm" same "$work/peer.bios" "$work/one.bios"
check "IMA's log is that of the boot under swtpm" same "$work/peer.ima" "$work/one.ima"
check "all PCRs are those of the boot under swtpm" same "$work/peer.pcrs" "$work/one.pcrs"
stop_machine peer

if [ "$emulator" = vtpm ]; then
    # It boots while the other works.
    must "QEMU starts without a TPM" start_machine bare ""
fi

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
check "it does not unseal any more" fails TPM_WRONGPCRVAL one 'vtpm unseal --in sealed --out unsealed'
reboots() { # MACHINE TIMES: the same QEMU, and the same emulator; so often was its /init started then
    tell "$1" 'reboot -f'
    guest_is_up "$1" "$2"
}
must "the guest reboots" reboots one 2
after_reboot() {
    guest one 'cat /sys/class/tpm/tpm0/pcrs' | head -n 9 | diff <(head -n 9 "$work/one.pcrs") -
}
check "PCRs 0 to 8 are as after the first boot" after_reboot
check "the owner is still there" shows '^Owner: *installed' one 'vtpm info'
check "what was sealed before the reboot is unsealed" unseals one

echo "== The guest is suspended to a file, and resumed by another QEMU with another emulator"
counts() { # MACHINE: the guest's loop, which puts a number on the console each second
    tail -c 4000 "$work/$1.console" | tr -d '\r' | sed -n 's/^tick \([0-9]*\)$/\1/p'
}
counted() { # MACHINE TIMES
    [ "$(counts "$1" | wc -l)" -ge "$2" ]
}
goes_on() { # MACHINE-BEFORE MACHINE-AFTER: it counts on from where it was
    wait_until 10 counted "$2" 2 || return
    echo "$(counts "$1" | tail -n 1) was the last, $(counts "$2" | head -n 1) is the next"
    [ $(($(counts "$1" | tail -n 1) + 1)) -eq "$(counts "$2" | head -n 1)" ]
}
suspends() {
    migrate one "exec:cat >$work/suspended" && stop_machine one && emulator_ended one
}
resumes() {
    start_emulator two "$work/state" && start_machine two "$measured" -incoming "exec:cat $work/suspended" &&
        wait_until 60 machine_runs two
}
check "the guest loads a key and opens a session" prepares one
guest one '(n=0; while n=$((n + 1)); do echo "tick $n" >/dev/console; sleep 1; done) &' >/dev/null
wait_until 10 counted one 1
must "the guest is saved to a file; QEMU and the emulator end" suspends
printf 'the suspended guest: %s bytes\n' "$(stat -c %s "$work/suspended")"
must "another QEMU and another emulator resume it" resumes
check "the guest counts on" goes_on one two
unchanged two "resumed"

echo "== The guest does not get away to another QEMU, and stays whole"
waits() { # MACHINE: for a guest to come, with an emulator on the same state
    start_emulator "$1" "$work/state" && start_machine "$1" "$measured" -incoming "unix:$work/$1.incoming" &&
        qmp "$1" query-status | grep '"status": "inmigrate"'
}
bandwidth() { qmp two migrate-set-parameters "{\"max-bandwidth\": $1}"; }
is_cancelled() {
    bandwidth 2000000 && migrate two "unix:$work/three.incoming" active && qmp two migrate_cancel &&
        wait_until 30 migration_is two cancelled && wait_until 10 machine_runs two
}
fails_late() { # the state was handed over, but the other side cannot take it
    bandwidth 10000000000 && kill -9 "${emulator_process[four]}" &&
        migrate two "unix:$work/four.incoming" failed && wait_until 10 machine_runs two
}
# With a way back from the destination, which libvirt has, a destination that fails fails the migration.
check "the source asks for the way back" qmp two migrate-set-capabilities \
    '{"capabilities": [{"capability": "return-path", "state": true}]}'
check "a destination waits" waits three
check "the migration is cancelled, and the source runs on" is_cancelled
stop_machine three
unchanged two "cancelled"
check "a destination waits whose emulator will die" waits four
check "the migration fails when the state was handed over, and the source runs on" fails_late
stop_machine four
unchanged two "failed"

# Debian's swtpm never gives up the lock of a state that another emulator is to have.
[ "$emulator" = vtpm ] || finish

echo "== The guest moves to another QEMU while both run, with two emulators on the same state"
moves() {
    migrate two "unix:$work/five.incoming" && wait_until 10 machine_runs five
}
serves_no_more() { # nor does the source when somebody lets it run on
    local answers
    qmp two cont && wait_until 10 machine_runs two || return
    answers=$(guest two 'vtpm pcrs' 120)
    case $? in 0 | 124) echo "$answers"; return 1 ;; esac
}
check "a destination waits in good health" waits five
must "the guest moves" moves
check "the guest counts on there" goes_on two five
unchanged five "moved"
check "the TPM serves the source no more" serves_no_more
stop_machine two
check "the emulator of the source ends" emulator_ended two
unchanged five "alone"
must "the guest reboots where it is now" reboots five 1
check "what was sealed before it moved is unsealed" unseals five

stop_machine five

echo "== A guest without a TPM runs one, and its kernel makes a device of it"
emulates='vtpm emulate --state /tmp/state --listen unix:/tmp/tpm --vtpm-proxy --key-pool 0'
starts_emulator() { # [OPTION]
    local made="grep -s 'The kernel.s device is /dev/tpm0 (major [0-9]*, minor [0-9]*)\.' log"
    guest bare "rm -f log; $emulates $* 2>log & emulator=\$!; until $made || [ ! -e /proc/\$emulator ]; do sleep 0.1; done; $made" &&
        return
    guest bare 'cat log'
    return 1
}
seals_there() {
    guest bare "echo the owner >owner; printf %s '$secret' >secret" && guest bare 'vtpm create-ek' &&
        guest bare 'vtpm take-ownership --owner-auth-file owner' &&
        guest bare 'vtpm seal --pcr 0 16 --in secret --out sealed'
}
one_tpm() { # the device and the socket
    guest bare 'vtpm pcrs >device; vtpm pcrs --tpm unix:/tmp/tpm | cmp device && grep -q "PCR-16: [0-9A-F ]*[1-9]" device'
}
ends() { # SIGNAL STATUS
    guest bare "kill -$1 \$emulator; wait \$emulator; [ \$? -eq $2 ] && [ ! -e /dev/tpm0 ] && [ ! -e /sys/class/tpm/tpm0 ]"
}
must "the guest is up" guest_is_up bare 1
check "without the module it says which to load" fails 'modprobe tpm_vtpm_proxy' bare "$emulates"
must "the module is loaded" guest bare 'insmod /lib/modules/tpm_vtpm_proxy.ko && [ -c /dev/vtpmx ]'
check "another user is told that it takes root" fails 'it takes root' bare \
    'mkdir -p /etc; echo other:x:1:1::/:/bin/sh >/etc/passwd; start-stop-daemon -S -c 1 -x /bin/vtpm -- emulate --ephemeral --vtpm-proxy'
must "the emulator makes a device" starts_emulator
check "sysfs says TCG version 1.2 there" shows '^TCG version: 1\.2$' bare 'cat /sys/class/tpm/tpm0/caps'
check "sysfs shows 24 PCRs there" shows '^24$' bare 'grep -c ^PCR- /sys/class/tpm/tpm0/pcrs'
check "the client takes ownership and seals there" seals_there
check "it unseals there" shows "^$secret\$" bare 'vtpm unseal --in sealed --out -; echo'
check "a PCR is extended there" guest bare "vtpm extend 16 --digest $(sha1 "")"
check "it does not unseal there any more" fails TPM_WRONGPCRVAL bare 'vtpm unseal --in sealed --out unsealed'
check "the device and the socket are one TPM" one_tpm
check "SIGTERM ends the emulator, and the device with it" ends TERM 0
must "the emulator makes a device again, and leaves TPM_Startup to the kernel" starts_emulator --startup none
check "its owner is still there" shows '^Owner: *installed' bare 'vtpm info'
check "SIGKILL takes the device away, too" ends KILL 137

finish
