#!/usr/bin/env bash
# The vTPM manager on the hardware TPM of a host, from `vtpm manager init` to the recovery on another host.
#
#     Tests/EndToEnd/manager.sh [tpm2|tpm12|disk|all]
#
# tpm2 and tpm12 have Debian's swtpm in the place of the hardware, in the one and the other of its modes. Four guests use
# their TPMs, each in its way: tpm-tools through tcsd, a kernel under QEMU, and two times the client library. The manager
# is killed at random moments, 100 times or as often as the variable KILLS says, while the library writes, and started
# again: every answered write is there. Then the host boots something else, something approved, with an older store, with
# another TPM, and its TPM is gone or locked. disk takes the disk of the store away: no room, no writing, no mount; its
# hardware is the software TPM. all, the default, is all of it.
#
# Needs root on Debian 12 and the lists of `apt-get update`; it installs the packages it needs. The variable VTPM names
# the binary, without it that is .build/release/vtpm; vtpm-manager-load lies beside it.
#
# Every check prints `ok CHECK` or `FAILED CHECK`, a failed one with what was seen. The last line is `N passed,
# M failed`; the exit status is 0 when nothing failed. It leaves nothing behind but .build/qemu.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

chapters=${1:-all}
case $chapters in
tpm2 | tpm12 | disk) ;;
all) chapters="tpm2 tpm12 disk" ;;
*) echo "usage: $0 [tpm2|tpm12|disk|all]" >&2; exit 2 ;;
esac
vtpm=${VTPM:-.build/release/vtpm} load=$(dirname "${VTPM:-.build/release/vtpm}")/vtpm-manager-load
[ -x "$vtpm" ] && [ -x "$load" ] || { echo "no vtpm and vtpm-manager-load at $vtpm: swift build -c release" >&2; exit 2; }
packages=(swtpm tpm2-tools trousers tpm-tools socat curl jq openssl procps e2fsprogs binutils
    qemu-system-x86 seabios busybox-static cpio)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null; } || exit 2
fi

cache=.build/qemu
mkdir -p "$cache" || exit 2
# Engines run as another user, and tcsd does.
work=$(mktemp -d) && chmod 711 "$work" || exit 2
memory=768 logs='*/manager.log *.console *.qemu'
. Tests/EndToEnd/checks.sh
. Tests/EndToEnd/qemu-machine.sh
. Tests/EndToEnd/manager-host.sh
. Tests/EndToEnd/manager-guests.sh
. Tests/EndToEnd/manager-chapters.sh
. Tests/EndToEnd/manager-disk.sh
clean_up() {
    end_all
    end_guests
    end_hosts
    if mountpoint -q "$work/disk/state"; then
        chattr -i "$work"/disk/state/* 2>/dev/null
        umount -l "$work/disk/state"
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
# Progress within a check, whose output is kept.
exec 3>&1

# A build that runs meanwhile changes nothing.
cp "$vtpm" "$load" "$work" && vtpm=$work/vtpm load=$work/vtpm-manager-load || exit 2
mv "$work/${VTPM##*/}" "$vtpm" 2>/dev/null
# Whatever a program leaves in the directory for temporary files is found in the end.
mkdir -m 1777 "$work/tmp" && export TMPDIR=$work/tmp HOME=$work LC_ALL=C
echo "the owner of the hardware" >"$work/owner"
echo "the operator's words" >"$work/passphrase"
echo "somebody else's words" >"$work/wrong"

[ "$chapters" = disk ] || { fetch_kernel && build_initramfs "$load"; } || exit 2

for chapter in $chapters; do
    began=$SECONDS
    case $chapter in
    disk) disk_chapter ;;
    *) hardware_chapter "$chapter" "${KILLS:-100}" ;;
    esac
    echo "   $chapter took $((SECONDS - began)) s"
done

echo "== Nothing is left behind"
check "no process is left" wait_until 5 nothing_runs
check "no temporary file is left" diff /dev/null <(ls -A "$work/tmp")
finish
