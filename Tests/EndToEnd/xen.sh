#!/usr/bin/env bash
# Boots Xen under QEMU, with the vTPM manager in dom0 and two domains whose stock driver xen-tpmfront finds their TPMs.
#
#     Tests/EndToEnd/xen.sh
#
# Each domain takes ownership of its TPM, seals, extends, is refused, reboots and unseals, and neither has anything of the
# other's. One is paused with a command on its way, and is saved and restored with loaded keys and sessions. The manager
# ends, is killed and comes back under both; the driver goes and comes back; a domain is destroyed, is restored from a file
# that was used, and begins anew; another is refused a TPM until it is given one.
#
# Needs root on Debian 12 and the lists of `apt-get update`; it installs the packages it needs, fetches the hypervisor and
# the kernel, and keeps these in .build/qemu. The variable VTPM names the binary, which was built with the trait Xen;
# without it that is .build/release/vtpm. No virtualisation is needed: the processor is QEMU's own.
#
# Every check prints `ok CHECK` or `FAILED CHECK`, a failed one with what was seen. The last line is `N passed,
# M failed`; the exit status is 0 when nothing failed. It leaves nothing behind but .build/qemu.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

vtpm=${VTPM:-.build/release/vtpm}
[ -x "$vtpm" ] || { echo "no vtpm at $vtpm: swift build -c release --static-swift-stdlib --traits Xen" >&2; exit 2; }
packages=(qemu-system-x86 seabios busybox-static cpio binutils openssl xz-utils zstd xen-utils-4.17 xenstore-utils)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null; } || exit 2
fi

cache=.build/qemu
mkdir -p "$cache" || exit 2
work=$(mktemp -d)
domains="one two" logs='*.console *.qemu *.answers'
. Tests/EndToEnd/checks.sh
. Tests/EndToEnd/qemu-machine.sh
. Tests/EndToEnd/qemu-commands.sh
. Tests/EndToEnd/xen-machine.sh
. Tests/EndToEnd/xen-domains.sh
trap 'end_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# A check of both domains at the same time.
each() { # CHECK FUNCTION
    local process
    "$2" one >"$work/one.output" 2>&1 &
    process=$!
    "$2" two >"$work/two.output" 2>&1
    verdict $? two "$1"
    wait $process
    verdict $? one "$1"
}

verdict() { # STATUS DOMAIN CHECK
    cp "$work/$2.output" "$work/output"
    if [ "$1" -eq 0 ]; then ok "$2: $3"; else fail "$2: $3"; fi
}

differ() { # FILE FILE
    ! cmp "$1" "$2"
}

chapter() { # TITLE
    [ -z "${began-}" ] || echo "   that took $((SECONDS - began)) s"
    began=$SECONDS
    echo "== $1"
}

# -- What runs ----------------------------------------------------------------------------------------------------

cp "$vtpm" "$work/vtpm" && vtpm=$work/vtpm || exit 2
{ fetch_kernel && fetch_hypervisor && inflate_kernel && build_ramdisk && build_dom0; } || exit 2
printf 'vtpm in dom0: %s bytes, its libraries %s; the ramdisk of a domain %s, the initramfs of dom0 %s\n' \
    "$(stat -c %s "$work/domain/bin/vtpm")" "$(library_bytes)" "$(stat -c %s "$ramdisk")" "$(stat -c %s "$initramfs")"

chapter "Xen starts, with the manager in dom0"
must "QEMU starts" start_xen 2304 1300
must "dom0 is up" guest_is_up xen 1
check "the manager is to measure" configure 'measure = true'
must "the manager makes its store" guest xen 'time vtpm manager init --recovery-key /operator.pem >/dev/console 2>&1'
must "the manager starts" start_manager
check "it makes keys ahead" has_keys

chapter "Two domains start"
must "xl creates them" creates_both
must "one is up" guest_is_up one 1
must "two is up" guest_is_up two 1
each "the driver finds its TPM" finds_its_tpm
check "the devices are connected" shows '^4 4$' xen \
    'echo $(xenstore-read backend/vtpm/1/0/state backend/vtpm/2/0/state)'
check "one is a guest under its name" shows "^one +running +default +${uuid[one]^^} +domain 1$" xen 'vtpm guest list'
check "two is a guest under its name" shows "^two +running +default +${uuid[two]^^} +domain 2$" xen 'vtpm guest list'
each "PCR 4 and 5 have the kernel, the ramdisk and the command line" boot_is_measured
each "it has an endorsement key" has_endorsement_key
check "which is not the other's" differ "$work/one.pubek" "$work/two.pubek"

chapter "Each owns its TPM, seals, and is refused"
each "the client takes ownership" becomes_owner
each "it seals to the PCRs of the boot" seals
each "it unseals" unseals
each "it does not when a PCR was extended" extends_and_is_refused
each "the other's secret and sealed data are refused" refuses_the_other

chapter "One is rebooted by xl, the other by itself"
check "xl reboots one" xl reboot one
tell two 'reboot -f'
must "one is up" guest_is_up one 2
must "two is up" guest_is_up two 2
each "the PCRs are as after the first boot" after_reboot
each "the owner is still there" has_owner
each "what was sealed before the reboot is unsealed" unseals

chapter "One is paused with a command on its way, and is saved and restored"
check "a command is answered that was on its way when it was paused" paused_with_a_command one
check "it loads a key and opens a session" prepares one
must "xl saves it" xl save one one.save
check "its TPM is suspended" state_is one suspended
must "xl restores it" xl restore one.save
check "the driver finds its TPM" finds_device one /dev/tpm1
unchanged one "restored"

chapter "The manager ends, and starts again"
each "it knows its PCRs" reads_pcrs
check "the manager ends in good order" stop_manager
each "a command is sent that nobody answers" asks
check "the manager is to refuse whom it does not know" configure 'measure = true' 'unknown = "refuse"'
check "the manager starts" start_manager
each "the command is answered" was_answered
unchanged one "with another manager"
each "it unseals" unseals

chapter "The manager is killed, and starts again"
check "the manager is killed" kill_manager
check "the manager starts" start_manager
each "the PCRs are those of no boot" has_no_boot
check "an event of one tells of it" event_says one interrupted
check "an event of two tells of it" event_says two interrupted
check "the loaded key is gone" key_is_gone one
each "the owner is still there" has_owner
each "what was sealed to the boot is refused" is_refused
check "two: the driver goes and comes back, and the PCRs are as before" driver_returns two

chapter "The domains end, and begin anew"
must "xl destroys one" xl destroy one
check "its TPM has no power" state_is one stopped
check "xl shuts two down" xl shutdown -w two
check "its TPM has no power" state_is two stopped
must "xl restores one from the file once more" xl restore one.save
check "the driver finds its TPM" finds_device one /dev/tpm1
check "the PCRs are those of no boot" has_no_boot one
must "xl destroys it" xl destroy one
must "xl creates it" xl create one.cfg
must "one is up" guest_is_up one 3
check "its PCRs are those of a boot" begins_anew one
check "what was sealed to the boot is unsealed" unseals one

chapter "A third domain"
check "it is described" describe three
check "it is refused a TPM, and xl says so" is_refused_a_tpm three
check "the manager's log says so" log_says "The domain [0-9]+ has no TPM. No guest has the UUID ${uuid[three]}"
check "it is made a guest" guest xen "vtpm guest create --interface xen --uuid ${uuid[three]} three"
check "xl creates it" xl create -p three.cfg
check "its TPM has power" state_is three running
check "the manager ends in good order" stop_manager
echo "   that took $((SECONDS - began)) s, all of it $SECONDS s"
finish
