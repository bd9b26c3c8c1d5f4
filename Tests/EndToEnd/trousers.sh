#!/usr/bin/env bash
# Runs Debian's TrouSerS (a TSS 1.2 stack), tpm-tools and tpm-quote-tools, unmodified, against a TPM 1.2 emulator on a
# TCP port.
#
#     Tests/EndToEnd/trousers.sh [vtpm|swtpm]
#
# vtpm (the default) is this project's `vtpm emulate`: the binary that the variable VTPM names, or else the one in
# `swift build --show-bin-path`. swtpm is Debian's emulator, the peer. The script installs the packages it needs, starts
# the emulator, plays the firmware (physical presence, and the switch of NV authorization), starts tcsd, and runs the
# tools. Between the groups of steps it kills the emulator and tcsd with SIGKILL and starts them again on the same
# state: every kill is a power cut that endorsement key, owner, keys, sealed data and NV areas must survive.
#
# The quotes of tpm-quote-tools are verified with libcrypto (quote.c), since Debian's tpm_verifyquote cannot decode the
# key file of its own tpm_mkaik, whatever the TPM.
#
# Every step prints `ok STEP` or `FAILED STEP (exit N)`, a failed one with what the tool wrote. A step that the TPM
# must refuse is ok when it was refused, for the reason that stands in the script. The same lines go to the file
# TRANSCRIPT (default: .build/trousers-vtpm.txt or .build/trousers-swtpm.txt), so
#
#     Tests/EndToEnd/trousers.sh vtpm; Tests/EndToEnd/trousers.sh swtpm
#     diff .build/trousers-vtpm.txt .build/trousers-swtpm.txt
#
# shows where the two TPMs differ in what succeeds. The last line is `N passed, M failed`; the exit status is 0 when
# nothing failed. It runs as root on Debian 12, takes three free ports on 127.0.0.1, and keeps everything
# in a temporary directory. Nothing under /var/lib/tpm or /etc/tcsd.conf is read or changed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

emulator=${1:-vtpm}
case $emulator in vtpm | swtpm) ;; *) echo "usage: $0 [vtpm|swtpm]" >&2; exit 2 ;; esac
transcript=${TRANSCRIPT:-.build/trousers-$emulator.txt}
mkdir -p "$(dirname "$transcript")" && : >"$transcript" || exit 2

packages=(trousers tpm-tools tpm-quote-tools libtspi-dev libssl-dev gcc libc6-dev)
[ "$emulator" = vtpm ] || packages+=(swtpm)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq "${packages[@]}" >/dev/null; } || exit 2
fi
if [ "$emulator" = vtpm ]; then
    vtpm=${VTPM:-$(swift build --show-bin-path)/vtpm}
    [ -x "$vtpm" ] || { echo "no vtpm at $vtpm" >&2; exit 2; }
fi

work=$(mktemp -d)
tpm_process="" tcsd_process=""
passed=0 failed=0

# SIGKILL, and reap, so that the shell prints no "Killed" and the port is free again.
power_cut() {
    local process
    for process in $tcsd_process $tpm_process; do
        kill -9 "$process"
        wait "$process"
    done 2>/dev/null
    tcsd_process="" tpm_process=""
}
trap 'power_cut; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# -- Steps --------------------------------------------------------------------------------------------------------

report() { # ok NAME | FAILED NAME STATUS
    if [ "$1" = ok ]; then
        passed=$((passed + 1))
        echo "ok $2" | tee -a "$transcript"
    else
        failed=$((failed + 1))
        echo "FAILED $2 (exit $3)" | tee -a "$transcript"
        sed 's/^/    /' "$work/output"
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# Runs a tool with the words of $typing, if any, as the lines typed at its prompts: without a controlling terminal the
# tools read passwords from standard input. Leaves the output, of both streams, in $work/output, and the exit status
# as its last line: tpm_unsealdata says nothing and exits with the TPM's return code.
run() {
    local typing=${typing:-} status
    timeout -k 5 60 setsid -w "$@" <<<"${typing// /$'\n'}" >"$work/output" 2>&1
    status=$?
    echo "exit $status" >>"$work/output"
    return $status
}

step() { # NAME TOOL...: must succeed
    local name=$1 status
    shift
    run "$@"; status=$?
    if [ "$status" -eq 0 ]; then report ok "$name"; else report FAILED "$name" "$status"; fi
}

says() { # NAME PATTERN TOOL...: must succeed and print a line that matches
    local name=$1 pattern=$2 status
    shift 2
    run "$@"; status=$?
    if [ "$status" -eq 0 ] && grep -aqE "$pattern" "$work/output"; then
        report ok "$name"
    else
        report FAILED "$name" "$status"
    fi
}

refused() { # NAME REASON TOOL...: must fail, not by a timeout, and print a line that matches the reason
    local name=$1 reason=$2 status
    shift 2
    run "$@"; status=$?
    if [ "$status" -ne 0 ] && [ "$status" -ne 124 ] && grep -aqE "$reason" "$work/output"; then
        report ok "$name"
    else
        report FAILED "$name" "$status"
    fi
}

# How the tools show a TPM's return code: in TrouSerS' words, or as the exit status.
code() { printf '(code=|0x0000)%04x |^exit %d$' "$1" "$1"; }
auth_failed=$(code 0x01) deactivated=$(code 0x06) disabled=$(code 0x07) disabled_command=$(code 0x08)
install_disabled=$(code 0x0b) no_srk=$(code 0x12) wrong_pcr=$(code 0x18) decrypt_error=$(code 0x21)
no_endorsement=$(code 0x23) defending='code=0803 '

# -- The TPM and tcsd ---------------------------------------------------------------------------------------------

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_ports() { # the first of three
    local port
    while port=$((20000 + RANDOM % 12000)); listens $port || listens $((port + 1)) || listens $((port + 2)); do :; done
    echo "$port"
}

wait_for_port() { # PORT PROCESS
    local tries=100
    while kill -0 "$2" 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do
        listens "$1" && return 0
        sleep 0.1
    done
    return 1
}

# What firmware sends, because tcsd has no way to pass it on: TSC_PhysicalPresence(CMD_ENABLE), then (PRESENT), at every
# start; once in the TPM's life TPM_NV_DefineSpace of TPM_NV_INDEX_LOCK, without which NV areas are open to everybody.
command_enable=00c10000000c4000000a0020
present=00c10000000c4000000a0008
no_pcrs=00030000001f$(printf '%040d' 0)
nv_lock=00c100000065000000cc0018ffffffff$no_pcrs${no_pcrs}001700000000$(printf '%054d' 0)
success=00c40000000a00000000

# Sends commands, each in one write: swtpm takes what the first read brings for the whole command.
firmware() {
    local command
    for command; do
        printf '%b' "$(sed 's/../\\x&/g' <<<"$command")" >"$work/command"
        timeout 10 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && cat "$2" >&3 && head -c 10 <&3 | od -An -v -tx1' \
            firmware "$tpm_port" "$work/command" | tr -d ' \n' | grep -qx "$success" || return 1
    done
}

power_on() { # NAME [COMMAND]: the firmware sends the command too
    local log=$work/output
    if [ "$emulator" = vtpm ]; then
        "$vtpm" emulate --state "$work/tpm" --listen "tcp:127.0.0.1:$tpm_port" >"$log" 2>&1 &
    else
        swtpm socket --tpmstate "dir=$work/tpm" \
            --server "type=tcp,port=$tpm_port,bindaddr=127.0.0.1,disconnect" \
            --ctrl "type=tcp,port=$control_port,bindaddr=127.0.0.1" \
            --flags not-need-init,startup-clear >"$log" 2>&1 &
    fi
    tpm_process=$!
    wait_for_port "$tpm_port" "$tpm_process" || { report FAILED "$1: the emulator listens" 1; finish; }
    firmware $command_enable $present "${@:2}" || { report FAILED "$1: the firmware's commands" 1; finish; }

    TCSD_USE_TCP_DEVICE=1 TCSD_TCP_DEVICE_HOSTNAME=127.0.0.1 TCSD_TCP_DEVICE_PORT=$tpm_port \
        tcsd -f -e -c "$work/tcsd.conf" >"$log" 2>&1 &
    tcsd_process=$!
    wait_for_port "$tcsd_port" "$tcsd_process" || { report FAILED "$1: tcsd listens" 1; finish; }
    report ok "$1"
}

power_cycle() { # NAME
    power_cut
    power_on "$1"
}

# tcsd gives its rights up for those of the user tss, who must reach the storage file and nothing else in here.
chmod 711 "$work"
mkdir "$work/tpm" "$work/tcsd"
chown tss:tss "$work/tcsd"
tpm_port=$(free_ports)
control_port=$((tpm_port + 1)) tcsd_port=$((tpm_port + 2))
printf 'port = %s\nsystem_ps_file = %s\n' "$tcsd_port" "$work/tcsd/system.data" >"$work/tcsd.conf"
chown root:tss "$work/tcsd.conf"
chmod 640 "$work/tcsd.conf"
export TSS_TCSD_PORT=$tcsd_port TSS_USER_PS_FILE=$work/user.data HOME=$work LC_ALL=C

gcc -Wall -O1 -o "$work/tspi" Tests/EndToEnd/tspi.c -ltspi || exit 2
gcc -Wall -O1 -o "$work/quote" Tests/EndToEnd/quote.c -lcrypto || exit 2
tspi=$work/tspi quote=$work/quote

# -- A new TPM: no endorsement key, no owner ----------------------------------------------------------------------

power_on "a new TPM starts" "$nv_lock"
says "tpm_version" "Chip Version: +1\.2\." tpm_version
step "tpm_selftest" tpm_selftest
step "tpm_selftest -r" tpm_selftest -r
step "random numbers" "$tspi" random
step "a PCR is extended" "$tspi" extend 10
refused "tpm_getpubek before there is an endorsement key" "$no_endorsement" tpm_getpubek
refused "tpm_takeownership before there is an endorsement key" "$no_endorsement" tpm_takeownership -y -z
step "tpm_createek" tpm_createek
refused "tpm_createek once more" "$disabled_command" tpm_createek
says "tpm_getpubek" "Key Size: +2048 bits" tpm_getpubek
pubek() { tpm_getpubek "$@" | sed -n '/Public Key:/,$p'; }
same_pubek() { pubek "$@" | diff "$pubek" -; }
export pubek=$work/pubek
pubek >"$pubek"
export -f pubek same_pubek

power_cycle "power cut with an endorsement key"
step "the endorsement key is the same" bash -c same_pubek

step "tpm_setownable: prevent" tpm_setownable -p
refused "tpm_takeownership while prevented" "$install_disabled" tpm_takeownership -y -z
step "tpm_setownable: allow" tpm_setownable -a
step "tpm_setactive: inactive" tpm_setactive -i
power_cycle "power cut into the inactive state"
refused "tpm_takeownership while inactive" "$deactivated" tpm_takeownership -y -z
step "tpm_setactive: active" tpm_setactive -a
power_cycle "power cut into the active state"

# -- The owner and the passwords ----------------------------------------------------------------------------------

typing="first first" step "tpm_takeownership with a password" tpm_takeownership -z
refused "tpm_takeownership once more" "$disabled_command" tpm_takeownership -y -z
typing="first" says "tpm_setenable: status" "Disabled status: false" tpm_setenable -s
typing="wrong" refused "a wrong owner password" "$auth_failed" tpm_setenable -s
power_cycle "power cut with an owner"
typing="first" says "tpm_setactive: status" "Persistent Deactivated Status: false" tpm_setactive -s
typing="first second second" step "tpm_changeownerauth: owner" tpm_changeownerauth -o
typing="first" refused "the old owner password" "$auth_failed" tpm_setownable -s
typing="second" says "tpm_setownable: status" "Ownable status: true" tpm_setownable -s
power_cycle "power cut after the change of the owner password"
typing="second" step "tpm_changeownerauth: owner, to the well-known secret" tpm_changeownerauth -o -r

echo "a secret of the guest" >"$work/plain"
typing="storage storage" step "tpm_changeownerauth: SRK" tpm_changeownerauth -s -z
typing="storage" step "tpm_sealdata with the SRK password" tpm_sealdata -i "$work/plain" -o "$work/sealed-password"
refused "tpm_sealdata with the old SRK secret" "$auth_failed" tpm_sealdata -z -i "$work/plain" -o "$work/none"
step "tpm_changeownerauth: SRK, to the well-known secret" tpm_changeownerauth -s -r -z
says "tpm_unsealdata after the change" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed-password"

says "tpm_setpresence: status" "Command Enable: true" tpm_setpresence -s -z
says "tpm_setclearable: status" "Owner Clear Disabled: false" tpm_setclearable -s -z
says "tpm_restrictpubek: status" "readable by: owner" tpm_restrictpubek -s -z
refused "tpm_getpubek without the owner" "$auth_failed" tpm_getpubek
step "the owner gets the same endorsement key" bash -c "same_pubek -z"
step "tpm_resetdalock" tpm_resetdalock -z

# The specification leaves it to the TPM how many wrong passwords it takes.
guess() {
    local tries=32
    while [ $((tries -= 1)) -gt 0 ]; do
        tpm_setenable -s <<<"guess" 2>&1 | grep -aE "$defending" && return 0
    done
    return 1
}
export -f guess; export defending
step "wrong passwords make the TPM defend itself" bash -c guess
refused "the right password meanwhile" "$defending" tpm_setenable -s -z
step "tpm_resetdalock meanwhile" tpm_resetdalock -z
says "the right password again" "Disabled status: false" tpm_setenable -s -z

# -- Sealed data and keys -----------------------------------------------------------------------------------------

power_cycle "power cut before sealing"
step "tpm_sealdata" tpm_sealdata -z -i "$work/plain" -o "$work/sealed"
step "tpm_sealdata with PCRs" tpm_sealdata -z -p 10 -p 11 -i "$work/plain" -o "$work/sealed-pcr"
says "tpm_unsealdata" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed"
says "tpm_unsealdata with PCRs" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed-pcr"
step "Tspi_Data_Seal with a PCR" "$tspi" seal "$work/blob" 10
step "Tspi_Data_Unseal with a PCR" "$tspi" unseal "$work/blob"
step "a signing key is created" "$tspi" create "$work/key"
step "a signature verifies" "$tspi" sign "$work/key"
step "a quote verifies" "$tspi" quote "$work/key" 10
step "data is bound and unbound" "$tspi" bind

step "PCR 10 is extended" "$tspi" extend 10
refused "tpm_unsealdata after PCR 10 changed" "$wrong_pcr" tpm_unsealdata -z -i "$work/sealed-pcr"
refused "Tspi_Data_Unseal after PCR 10 changed" "$wrong_pcr" "$tspi" unseal "$work/blob"
says "tpm_unsealdata without PCRs after PCR 10 changed" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed"
step "a quote of the changed PCR verifies" "$tspi" quote "$work/key" 10

power_cycle "power cut with sealed data"
says "tpm_unsealdata after the power cut" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed"
says "tpm_unsealdata with PCRs after the power cut" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed-pcr"
step "Tspi_Data_Unseal with a PCR after the power cut" "$tspi" unseal "$work/blob"
step "the signing key signs after the power cut" "$tspi" sign "$work/key"

# -- Attestation with an identity key ------------------------------------------------------------------------------

power_cycle "power cut before attestation"
step "tpm_mkuuid" tpm_mkuuid "$work/uuid"
step "tpm_mkaik" tpm_mkaik -z "$work/aik" "$work/aik.pub"
step "tpm_loadkey" tpm_loadkey "$work/aik" "$work/uuid"
head -c 20 /dev/urandom >"$work/nonce"
pcrs="0 10 16"
step "tpm_getpcrhash" tpm_getpcrhash "$work/uuid" "$work/hash" "$work/values" $pcrs
step "tpm_getquote" tpm_getquote "$work/uuid" "$work/nonce" "$work/quoted" $pcrs
attests() { "$quote" "$work/aik.pub" "$work/$1" "$work/nonce" "$work/quoted" "$work/$2"; }
export -f attests; export quote work
step "the identity's quote verifies" bash -c "attests hash values"

step "PCR 10 is extended before a quote" "$tspi" extend 10
step "tpm_getquote of the changed PCR" tpm_getquote "$work/uuid" "$work/nonce" "$work/quoted" $pcrs
refused "the old values do not fit the new quote" "not so: the signature" bash -c "attests hash values"
step "tpm_getpcrhash of the changed PCR" tpm_getpcrhash "$work/uuid" "$work/hash-10" "$work/values-10" $pcrs
step "the new values do" bash -c "attests hash-10 values-10"
step "tpm_updatepcrhash to the values before" tpm_updatepcrhash "$work/hash-10" "$work/values" "$work/updated"

power_cycle "power cut with an identity"
step "tpm_getquote after the power cut" tpm_getquote "$work/uuid" "$work/nonce" "$work/quoted" $pcrs
step "the identity's quote verifies after the power cut" bash -c "attests updated values"
step "tpm_unloadkey" tpm_unloadkey "$work/uuid"
refused "tpm_getquote with a key that is not registered" "PS_KEY_NOTFOUND|not found" \
    tpm_getquote "$work/uuid" "$work/nonce" "$work/quoted" $pcrs

# -- NV storage ---------------------------------------------------------------------------------------------------

owner_area=0x1100 password_area=0x1101 pcr_area=0x1102
step "tpm_nvdefine for the owner" tpm_nvdefine -y -i $owner_area -s 64 -p "OWNERREAD|OWNERWRITE"
step "tpm_nvdefine with a password" tpm_nvdefine -y -i $password_area -s 16 -asecret -p "AUTHREAD|AUTHWRITE"
step "tpm_nvdefine with a PCR" tpm_nvdefine -y -i $pcr_area -s 16 -z -r 10 -p OWNERWRITE
refused "tpm_nvdefine of an area that is there" "already exists" tpm_nvdefine -y -i $owner_area -s 8 -p OWNERWRITE
step "tpm_nvwrite by the owner" tpm_nvwrite -z -i $owner_area -d "the owner's bytes"
step "tpm_nvwrite at an offset" tpm_nvwrite -z -i $owner_area -n 40 -d "and the end"
step "tpm_nvwrite with the password" tpm_nvwrite -psecret -i $password_area -d "0123456789abcdef"
step "tpm_nvwrite of the PCR's area" tpm_nvwrite -z -i $pcr_area -d "while 10 is zero"
says "tpm_nvread by the owner" "the owner's byte" tpm_nvread -z -i $owner_area -s 17
says "tpm_nvread with the password" "0123456789abcdef" tpm_nvread -psecret -i $password_area -s 16
refused "tpm_nvread with a wrong password" "$auth_failed" tpm_nvread -pwrong -i $password_area -s 16
refused "tpm_nvwrite with a wrong password" "$auth_failed" tpm_nvwrite -pwrong -i $password_area -d "fedcba9876543210"

power_cycle "power cut with NV areas"
says "tpm_nvread after the power cut" "the owner's byte" tpm_nvread -z -i $owner_area -s 17
says "tpm_nvread at an offset after the power cut" "and the end" tpm_nvread -z -i $owner_area -n 40 -s 11
says "tpm_nvread with the password after the power cut" "0123456789abcdef" \
    tpm_nvread -psecret -i $password_area -s 16
says "tpm_nvread of the PCR's area" "while 10 is zer" tpm_nvread -z -i $pcr_area -s 15
step "PCR 10 is extended before an NV read" "$tspi" extend 10
refused "tpm_nvread of the PCR's area after PCR 10 changed" "$wrong_pcr" tpm_nvread -z -i $pcr_area -s 15
says "tpm_nvinfo" "OWNERREAD.OWNERWRITE" tpm_nvinfo -i $owner_area
says "tpm_nvinfo -n" "0x00001102" tpm_nvinfo -n
step "tpm_nvrelease" tpm_nvrelease -y -i $password_area
refused "tpm_nvread of a released area" "Bad memory index" tpm_nvread -psecret -i $password_area -s 16
refused "tpm_nvrelease of a released area" "does not exist" tpm_nvrelease -y -i $password_area
power_cycle "power cut after a release"
refused "tpm_nvread of a released area after the power cut" "Bad memory index" \
    tpm_nvread -psecret -i $password_area -s 16
says "tpm_nvread of an area that stayed" "the owner's byte" tpm_nvread -z -i $owner_area -s 17

# -- Switching off, and clearing ----------------------------------------------------------------------------------

step "tpm_setenable: disable by the owner" tpm_setenable -d -z
refused "tpm_unsealdata while disabled" "$disabled" tpm_unsealdata -z -i "$work/sealed"
power_cycle "power cut while disabled"
refused "tpm_unsealdata still disabled" "$disabled" tpm_unsealdata -z -i "$work/sealed"
step "tpm_setenable: enable by presence" tpm_setenable -e -f
says "tpm_unsealdata enabled again" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed"

step "tpm_setclearable: the owner cannot clear" tpm_setclearable -o -z
refused "tpm_clear by the owner" "Clear has been disabled" tpm_clear -z
step "tpm_setclearable: presence cannot clear before the next start" tpm_setclearable -f
refused "tpm_clear by presence" "Clear has been disabled" tpm_clear -f
power_cycle "power cut before clearing"
step "tpm_clear by presence at the next start" tpm_clear -f
refused "tpm_takeownership of the cleared TPM" "$disabled" tpm_takeownership -y -z

power_cycle "power cut after clearing"
step "tpm_setenable: enable the cleared TPM" tpm_setenable -e -f
step "tpm_setactive: activate the cleared TPM" tpm_setactive -a
power_cycle "power cut into a cleared TPM"
step "the endorsement key outlived the owner" bash -c same_pubek
refused "tpm_unsealdata without an SRK" "$no_srk" tpm_unsealdata -z -i "$work/sealed"
step "tpm_takeownership again" tpm_takeownership -y -z
refused "tpm_unsealdata of the old owner's data" "$decrypt_error" tpm_unsealdata -z -i "$work/sealed"
step "tpm_sealdata of the new owner" tpm_sealdata -z -i "$work/plain" -o "$work/sealed"
says "tpm_unsealdata of the new owner" "a secret of the guest" tpm_unsealdata -z -i "$work/sealed"
refused "tpm_nvread of the old owner's area" "Bad memory index" tpm_nvread -z -i $owner_area -s 17
step "tpm_clear by the owner at last" tpm_clear -z

finish
