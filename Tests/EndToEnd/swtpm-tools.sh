#!/usr/bin/env bash
# Runs Debian's swtpm_setup, swtpm_ioctl and swtpm_bios, unmodified, against a program named swtpm, and looks at what
# that program makes of its own options, of descriptors handed to it and of garbage.
#
#     Tests/EndToEnd/swtpm-tools.sh [vtpm|swtpm]
#
# vtpm (the default) is this project's drop-in: a link named swtpm to the binary that the variable VTPM names, or else
# to .build/release/vtpm, stands first in PATH. swtpm is Debian's own, the peer for which all of this must hold as well;
# the few places where the two are meant to differ ask for $program.
#
# Every check prints `ok NAME` or `not ok NAME`, a failed one with what was seen. The last line is
# `N passed, M failed`; the exit status is 0 when nothing failed. It runs as root on Debian 12, installs the packages it
# needs, takes two free ports on 127.0.0.1, and keeps everything in a temporary directory, swtpm_localca's authority
# included.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

program=${1:-vtpm}
case $program in vtpm | swtpm) ;; *) echo "usage: $0 [vtpm|swtpm]" >&2; exit 2 ;; esac

packages=(swtpm-tools openssl python3)
[ "$program" = vtpm ] || packages+=(swtpm)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null; } || exit 2
fi

work=$(mktemp -d) && chmod 755 "$work" || exit 2
if [ "$program" = vtpm ]; then
    vtpm=$(realpath "${VTPM:-.build/release/vtpm}")
    [ -x "$vtpm" ] || { echo "no vtpm at $vtpm: swift build -c release --product vtpm" >&2; exit 2; }
    mkdir "$work/bin"
    ln -s "$vtpm" "$work/bin/swtpm"
    PATH=$work/bin:$PATH
fi
# The interpreter itself: it runs some 200 times, and a wrapper of its name would take longer than it.
python=$(python3 -c 'import sys; print(sys.executable)') || exit 2
helper=("$python" -I -S "$PWD/Tests/EndToEnd/swtpm-tools.py")
passed=0 failed=0
declare -A process=()

# The emulators still running, a daemon's too.
clean_up() {
    local file
    for file in "${process[@]}" "$work"/*.pid; do
        [ -f "$file" ] && file=$(<"$file")
        [[ $file =~ ^[0-9]+$ ]] && kill -9 "$file"
    done 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 2

# -- Checks -----------------------------------------------------------------------------------------------------------

title() { printf '\n== %s\n' "$1"; }

ok() { passed=$((passed + 1)); echo "ok $1"; }

not_ok() { # NAME SENTENCE: with what the command wrote
    failed=$((failed + 1))
    echo "not ok $1: $2"
    [ ! -s seen ] || sed 's/^/    /' seen | cut -c1-300 | head -n 20
}

# A check whose command must exit with the status and write the text (an extended regular expression), if there is one.
exits() { # NAME STATUS PATTERN COMMAND...
    local name=$1 status=$2 pattern=$3 got
    shift 3
    timeout 30 "$@" >seen 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$status" ]; then
        not_ok "$name" "exit status $got, not $status"
    elif [ -n "$pattern" ] && ! grep -qE -- "$pattern" seen; then
        not_ok "$name" "no $pattern in what it wrote"
    else
        ok "$name"
    fi
}

# The same for a command that must fail, with whatever status that is not a signal's or the time limit's.
refused() { # NAME PATTERN COMMAND...
    local name=$1 pattern=$2 got
    shift 2
    timeout 10 "$@" >seen 2>&1 </dev/null
    got=$?
    if [ "$got" -eq 0 ] || [ "$got" -ge 124 ]; then
        not_ok "$name" "exit status $got"
    elif [ -n "$pattern" ] && ! grep -qE -- "$pattern" seen; then
        not_ok "$name" "no $pattern in what it wrote"
    else
        ok "$name"
    fi
}

does() { # NAME FUNCTION...
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name" "it failed"; fi
}

same() { # NAME WANTED GOT
    printf 'wanted: %s\ngot:    %s\n' "$2" "$3" >seen
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "not what it should be"; fi
}

holds() { # NAME TEST...: a condition without output
    local name=$1
    shift
    : >seen
    if "$@"; then ok "$name"; else not_ok "$name" "it does not hold"; fi
}

# Waits up to three seconds for a condition.
soon() {
    local tries
    for ((tries = 0; tries < 150; tries++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.02
    done
    return 1
}

# -- Emulators --------------------------------------------------------------------------------------------------------
# The emulator NAME keeps its state in the directory NAME. `start` makes it the one that the rest talks to.

running() { kill -0 "$1" && ! grep -q '^State:.Z' "/proc/$1/status"; } 2>/dev/null

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_ports() { # the first of two
    local port
    while port=$((20000 + RANDOM % 12000)); listens $port || listens $((port + 1)); do :; done
    echo "$port"
}

aim() { # NAME [PORT]: control is the port, data the next one
    tpm=$1
    if [ $# -gt 1 ]; then
        control=(--tcp "127.0.0.1:$2") control_address=tcp:$2 data=(--tcp "127.0.0.1:$(($2 + 1))")
        data_address=tcp:$(($2 + 1))
    else
        control=(--unix "$work/$1.control") control_address=unix:$work/$1.control
        data=(--unix "$work/$1.data") data_address=unix:$work/$1.data
    fi
}

start() { # NAME OPTIONS...: both channels are Unix sockets
    local name=$1
    shift
    mkdir -p "$name"
    rm -f "$name.control" "$name.data"
    swtpm socket --tpmstate "dir=$work/$name" --ctrl "type=unixio,path=$work/$name.control" \
        --server "type=unixio,path=$work/$name.data" "$@" >"$name.log" 2>&1 </dev/null &
    process[$name]=$!
    aim "$name"
    await
}

start_tcp() { # NAME OPTIONS...
    local name=$1 port
    shift
    port=$(free_ports)
    mkdir -p "$name"
    swtpm socket --tpmstate "dir=$work/$name" --ctrl "type=tcp,port=$port" \
        --server "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1,disconnect" "$@" >"$name.log" 2>&1 </dev/null &
    process[$name]=$!
    aim "$name" "$port"
    await
}

await() {
    soon ioctl -c && return
    cp "$tpm.log" seen
    not_ok "the emulator $tpm serves its control channel" "it does not"
}

# SHUTDOWN, and that it ended with 0.
stop() { # [NAME]
    [ $# -eq 0 ] || aim "$1"
    ioctl -s >seen 2>&1
    ended "${process[$tpm]}"
    local status=$?
    [ $status -eq 0 ] || not_ok "$tpm ends with 0 on a shutdown" "status $status"
    unset "process[$tpm]"
}

# The exit status of a process of ours; 124 when it does not end within three seconds.
ended() {
    local tries
    for ((tries = 0; tries < 150; tries++)); do
        if ! running "$1"; then
            wait "$1" 2>/dev/null
            return
        fi
        sleep 0.02
    done
    return 124
}

ioctl() { swtpm_ioctl "${control[@]}" "$@"; }
say() { "${helper[@]}" send "$data_address" "$@"; }
ask() { "${helper[@]}" "$1" "$data_address" "${@:2}"; }
tell() { "${helper[@]}" send "$control_address" "$@"; }
check_ioctl() { # NAME STATUS PATTERN OPTIONS...
    local name=$1 status=$2 pattern=$3
    shift 3
    exits "$name" "$status" "$pattern" swtpm_ioctl "${control[@]}" "$@"
}
check_bios() { # NAME STATUS OPTIONS...
    local name=$1 status=$2
    shift 2
    exits "$name" "$status" "" swtpm_bios "${data[@]}" "$@"
}
check_ask() { # NAME STATUS VERB OPERANDS...: of the helper, to the TPM
    local name=$1 status=$2 verb=$3
    shift 3
    exits "$name" "$status" "" "${helper[@]}" "$verb" "$data_address" "$@"
}

# Whether the bytes, in hex, stand in the file.
legible() { od -An -v -tx1 "$1" | tr -d ' \n' | grep -qF "$2"; }
illegible() { [ -s "$1" ] && [ -n "$2" ] && ! legible "$1" "$2"; }
digest() { find "$1" -type f ! -name .lock -exec sha1sum {} + | sort; }

pcr_read() { printf '00c10000000e00000015%08x' "$1"; }
pcr_reset() { # the register: bits of TPM_PCR_SELECTION
    local bits=(0 0 0)
    bits[$1 / 8]=$((1 << $1 % 8))
    printf '00c10000000f000000c80003%02x%02x%02x' "${bits[@]}"
}
startup=00c10000000c000000990001
save_state=00c10000000a00000098
extend() { printf '00c10000002200000014%08x%s' "$1" "$(printf '%040d' 7)"; }
answered() { printf '00c40000000a%08x' "$1"; } # an answer without parameters
# What PCR 17 holds after a dynamic launch that measured the file.
launched() { { head -c 20 /dev/zero; openssl sha1 -binary "$1"; } | openssl sha1 -r | cut -d' ' -f1; }
zeros=00c40000001e00000000$(printf '%040d' 0)

# -- swtpm_setup ------------------------------------------------------------------------------------------------------

title "swtpm_setup"
mkdir authority
cat >setup.conf <<CONF
create_certs_tool = $(command -v swtpm_localca)
create_certs_tool_config = $work/authority.conf
create_certs_tool_options = $work/authority.options
CONF
cat >authority.conf <<CONF
statedir = $work/authority
signingkey = $work/authority/signkey.pem
issuercert = $work/authority/issuercert.pem
certserial = $work/authority/certserial
CONF
echo "--platform-manufacturer Somebody --platform-version 1.0 --platform-model Machine" >authority.options
check_setup() { # NAME STATUS PATTERN DIRECTORY OPTIONS...
    local name=$1 status=$2 pattern=$3 directory=$4
    shift 4
    mkdir -p "$directory"
    exits "$name" "$status" "$pattern" swtpm_setup --config setup.conf --tpmstate "$work/$directory" "$@"
}

exits "swtpm_setup finds that the TPM is a 1.2" 0 '"tpm-1.2"' swtpm_setup --print-capabilities
check_setup "EK, owner, both certificates, NV locked" 0 "" made --createek --take-ownership --create-ek-cert \
    --create-platform-cert --lock-nvram --write-ek-cert-files "$work"
mv seen made.log
for line in "created EK" "took ownership of the TPM" "created EK certificate locally" \
    "created platform certificate locally" "created NVRAM area for EK certificate" \
    "created NVRAM area for Platform certificate" "locked NVRAM access" "authored TPM state"; do
    holds "its log says: Successfully $line" grep -q "Successfully $line" made.log
done

before=$(digest made)
check_setup "it refuses to do it again" 1 "Found existing TPM state" made --createek
check_setup "--not-overwrite leaves it" 0 "Not overwriting" made --createek --not-overwrite
same "neither changed the state" "$before" "$(digest made)"

start made --flags startup-clear
check_ask "the owner's password is the default one" 0 owned ooo
{ read -r ek && read -r srk; } <seen
holds "an EK of 2048 bits" test ${#ek} -eq 512
holds "an SRK of 2048 bits" test ${#srk} -eq 512
check_ask "another password is not the owner's" 1 owned aaa
check_ask "certificates are in NV storage" 0 certificates ooo "$work"
for name in ek platform; do
    modulus=$(openssl x509 -inform der -in $name.der -noout -modulus 2>/dev/null | tr A-F a-f)
    same "the $name certificate is the EK's" "Modulus=$ek" "$modulus"
done
openssl x509 -inform der -in ek.der -out ek.pem
# The names of the TPM stand in a critical extension that OpenSSL does not know.
exits "the EK certificate is the authority's" 0 OK openssl verify -ignore_critical \
    -CAfile authority/swtpm-localca-rootca-cert.pem -untrusted authority/issuercert.pem ek.pem
holds "--write-ek-cert-files wrote the same" cmp ek.der ek-rsa2048.crt
same "the TPM is enabled and activated, NV storage locked" "disabled=0 deactivated=0 nvlocked=1" \
    "$(ask flags | head -n 1)"
stop made
holds "the state directory holds tpm-00.permall" test -s made/tpm-00.permall
holds "the state can be read" legible made/tpm-00.permall "$srk"
exits "--print-states names it" 0 '^\{ "type": "swtpm", "states": \[ \{"name": "permall", "size": [0-9]+\} \] \}$' \
    swtpm socket --print-states --tpmstate "dir=$work/made"

cp -r made other
check_setup "--overwrite, --ownerpass, --srkpass, --display" 0 "authored TPM state" other --overwrite --take-ownership \
    --ownerpass mine --srkpass ours --display
start other --flags startup-clear
check_ask "it is another TPM with that owner's password" 0 owned mine
holds "and another EK" test "$ek" != "$(head -n 1 seen)"
check_ask "and that SRK's" 0 fill ours notes
stop other

# Under the user tss, as libvirt does it, when that user can reach the program.
mkdir plain
user=root
if runuser -u tss -- swtpm --version >/dev/null 2>&1; then user=tss; fi
chown $user plain
# A log file that the user can write.
touch setup.log && chown $user setup.log
check_setup "--runas $user, --owner-well-known, --srk-well-known, --logfile" 0 "" plain --take-ownership \
    --owner-well-known --srk-well-known --logfile "$work/setup.log" --runas $user
holds "the log file has the steps" grep -q "Successfully took ownership" setup.log
same "the state belongs to $user" $user "$(stat -c %U plain/tpm-00.permall)"
start plain --flags startup-clear
check_ask "the owner's secret is the well-known one" 0 owned -
stop plain

# Encrypted: each way to give a key, and the same way for the emulator.
printf 0x000102030405060708090a0b0c0d0e0f >key128
printf %064d 5 >key256
printf %032d 6 >other128
printf %064d 6 >other256
printf 'a passphrase' >passphrase
printf 'another' >other-passphrase
printf '0123456789abcdef0123456789ABCDEF' >binary256
encrypted() { # NAME WRONG-OPTION RIGHT-OPTION SETUP-OPTIONS...
    local name=$1 wrong=$2 right=$3 before srk
    shift 3
    check_setup "$name" 0 "state will be encrypted" "$name" --take-ownership "$@"
    before=$(digest "$name")
    start "$name" --key "$wrong"
    check_ioctl "$name: a wrong key is refused" 1 "PTM_INIT: 0x21" -i
    same "$name: no TPM then" "$(answered 9)" "$(say $startup)"
    stop
    start "$name"
    check_ioctl "$name: no key is refused" 1 "PTM_INIT: 0x" -i
    stop
    same "$name: the state is as it was" "$before" "$(digest "$name")"
    start "$name" --key "$right"
    check_ioctl "$name: the right key is taken" 0 "" -i
    check_ioctl "$name: the emulator tells of its key" 0 "flags: 0x1$" -g
    say $startup >/dev/null
    check_ask "$name: the owner is there" 0 owned ooo
    srk=$(tail -n 1 seen)
    stop
    holds "$name: the state cannot be read" illegible "$name/tpm-00.permall" "$srk"
}
encrypted keyfile file=other128 file=key128,mode=aes-cbc --keyfile key128
encrypted keyfile-fd file=other256,mode=aes-256-cbc file=key256,mode=aes-256-cbc --keyfile-fd 9 --cipher aes-256-cbc \
    9<key256
encrypted pwdfile pwdfile=other-passphrase,mode=aes-256-cbc pwdfile=passphrase,mode=aes-256-cbc,kdf=pbkdf2 \
    --pwdfile passphrase --cipher aes-256-cbc

mkdir two
if [ "$program" = vtpm ]; then
    refused "--tpm2 is refused" "" swtpm_setup --config setup.conf --tpmstate "$work/two" --tpm2 --createek
fi

# -- swtpm_ioctl ------------------------------------------------------------------------------------------------------

control_commands() { # of a TPM that was just started
    local transport=$1 locality index
    title "swtpm_ioctl over $transport"
    check_ioctl "-c has all commands of swtpm 0.7" 0 '^ptm capability is 0x[0-9a-f]*7fff$' -c
    same "no TPM before -i" "$(answered 9)" "$(say $startup)"
    check_ioctl "-e is refused before -i" 1 "PTM_GET_TPMESTABLISHED: 0xa" -e
    check_ioctl "-i" 0 "" -i
    same "a TPM that waits for TPM_Startup" "$(answered 38)" "$(say "$(pcr_read 0)")"
    check_ioctl "-h is refused before TPM_Startup" 1 "PTM_HASH_START: 0x26" -h abc
    ioctl -i
    same "TPM_Startup" "$(answered 0)" "$(say $startup)"
    check_ioctl "-g: no key" 0 '^ptm configuration flags: 0x0$' -g
    check_ioctl "--info 1" 0 '^\{"TPMSpecification":\{"family":"1.2","level":2,"revision":116\}\}$' --info 1
    check_ioctl "--info 2" 0 \
        '^\{"TPMAttributes":\{"manufacturer":"id:[0-9A-F]{8}","version":"id:[0-9A-F]{8}","model":"[^"]+"\}\}$' --info 2
    check_ioctl "--info 3 is both" 0 '^\{"TPMSpecification":\{.*\},"TPMAttributes":\{.*\}\}$' --info 3

    for locality in 0 1 2 3 4; do
        check_ioctl "-l $locality" 0 "" -l $locality
        # Localities 2 and 4 may reset register 20 (PC Client, 3.1.1).
        index=$((locality == 2 || locality == 4 ? 0 : 51))
        same "and TPM_PCR_Reset of 20 there" "$(answered $index)" "$(say "$(pcr_reset 20)")"
    done
    check_ioctl "-l 5 is refused" 1 "" -l 5
    same "and over the wire" 0000003d "$(tell 0000000505)"
    ioctl -l 0

    check_ioctl "-e: not established" 0 '^tpmEstablished is 0$' -e
    printf abc >short
    head -c 300000 /dev/urandom >long
    check_ioctl "-h abc" 0 "" -h abc
    same "PCR 17, 18 and 22 after it" "$(launched short; printf '%040d\n' 0 0)" "$(ask pcrs 17 18 22)"
    check_ioctl "-e: established" 0 '^tpmEstablished is 1$' -e
    check_ioctl "-r 2 is refused" 1 "PTM_RESET_TPMESTABLISHED: 0x3d" -r 2
    check_ioctl "-e: still established" 0 '^tpmEstablished is 1$' -e
    check_ioctl "-r 3" 0 "" -r 3
    check_ioctl "-e: reset" 0 '^tpmEstablished is 0$' -e
    exits "-h - of 300,000 bytes" 0 "" bash -c 'swtpm_ioctl "$@" -h - <long' ioctl "${control[@]}"
    same "PCR 17 after it" "$(launched long)" "$(ask pcrs 17)"
    check_ioctl "-r 4" 0 "" -r 4
    check_ioctl "-e: reset" 0 '^tpmEstablished is 0$' -e

    if [ "$program" = vtpm ]; then
        check_ioctl "-C with nothing to cancel" 0 "" -C
    else
        # Debian's cannot cancel a command of a TPM 1.2, and says so.
        check_ioctl "-C is refused" 1 "PTM_CANCEL_TPM_CMD: 0x9" -C
    fi
    say "$(extend 5)" >/dev/null
    index=$(say "$(pcr_read 5)")
    check_ioctl "-v" 0 "" -v
    holds "it wrote the volatile state" test -s "$tpm/tpm-00.volatilestate"
    check_ioctl "--stop" 0 "" --stop
    same "no TPM after it" "$(answered 9)" "$(say "$(pcr_read 5)")"
    check_ioctl "-v is refused then" 1 "PTM_STORE_VOLATILE: 0xa" -v
    check_ioctl "-i takes the volatile state up" 0 "" -i
    same "PCR 5 is as it was" "$index" "$(say "$(pcr_read 5)")"
    holds "and the file is gone" test ! -e "$tpm/tpm-00.volatilestate"
    check_ioctl "-i while it runs is a power cycle" 0 "" -i
    same "it waits for TPM_Startup" "$(answered 38)" "$(say "$(pcr_read 5)")"
    say $startup >/dev/null
    same "PCR 5 is zero" "$zeros" "$(say "$(pcr_read 5)")"
    same "there is no savestate" "00000800$(printf '%024d' 0)" "$(tell 0000000c000000000000000300000000)"
    check_ioctl "--save of an unknown blob is refused" 1 "" --save everything none
    check_ioctl "--load while it runs is refused" 1 "PTM_SET_STATEBLOB: 0xa" --load permanent setup.conf
    check_ioctl "--stop" 0 "" --stop
    check_ioctl "--load of garbage is refused" 1 "PTM_SET_STATEBLOB: 0x" --load permanent setup.conf
    check_ioctl "--load of a directory is refused" 1 "" --load permanent .
    check_ioctl "-i" 0 "" -i
    same "the TPM is there all the same" "$(answered 0)" "$(say $startup)"
    check_ioctl "-s" 0 "" -s
    ended "${process[$tpm]}"
    same "it ends with 0" 0 $?
    unset "process[$tpm]"
}

mkdir fresh
start fresh
control_commands "a Unix socket"
start_tcp fresh_tcp
control_commands TCP

# -- A TPM that moves -------------------------------------------------------------------------------------------------

cp -r made moving && rm -f moving/.lock
save() { # FILE BLOB...: each in FILE.BLOB
    local blob
    for blob in "${@:2}"; do check_ioctl "--save $blob" 0 "" --save "$blob" "$1.$blob"; done
}
load() {
    local blob
    for blob in "${@:2}"; do check_ioctl "--load $blob" 0 "" --load "$blob" "$1.$blob"; done
}
moves() { # TITLE STARTER: with `fill` done, from the emulator of the directory moving to one with an empty directory
    local starter=$2
    title "$1"
    shift 2
    rm -rf moved moved_tcp moving/*.volatilestate
    $starter moving --flags startup-clear "$@"
    check_ask "PCRs, a loaded key, an open session" 0 fill sss notes
    save blob permanent volatile
    stop
    $starter moved "$@"
    load blob permanent volatile
    check_ioctl "-i" 0 "" -i
    check_ask "PCRs, key and session are there" 0 same notes
    check_ask "EK, SRK and owner, too" 0 owned ooo
    same "they are the same" "$ek $srk" "$(paste -sd ' ' seen)"
    holds "the state is on disk" test -s moved/tpm-00.permall
}
moves "a running TPM moves over Unix sockets" start
stop
start moved
check_ioctl "a power cycle" 0 "" -i
same "waits for TPM_Startup" "$(answered 38)" "$(say "$(pcr_read 0)")"
stop
SWTPM_IOCTL_BUFFERSIZE=100 moves "a running TPM moves over TCP, in small pieces" start_tcp
stop

title "a TPM that sleeps moves"
start moving --flags startup-clear
say "$(extend 5)" "$(extend 17)" >/dev/null
index=$(say "$(pcr_read 5)")
same "TPM_SaveState" "$(answered 0)" "$(say $save_state)"
# This project keeps it in one file with what is permanent, so that no crash parts them.
savestate="tpm-00.savestate"
[ "$program" = vtpm ] && savestate="tpm-00.permall"
holds "it is on disk" test -s "moving/$savestate"
save asleep permanent savestate
stop
rm -rf moved
start moved
load asleep permanent savestate
check_ioctl "-i" 0 "" -i
check_bios "swtpm_bios -s -o wakes it" 0 -s -o
same "PCR 5 is as it was" "$index" "$(say "$(pcr_read 5)")"
stop
rm -f moving/tpm-00.savestate

title "blobs under a migration key"
moves "under a key in hexadecimal" start --migration-key file=key128
check_ioctl "-g" 0 "flags: 0x2$" -g
for name in permanent volatile; do holds "the $name blob cannot be read" illegible blob.$name "$srk"; done
stop
check_foreign() { # NAME OPTIONS...: refused, and the emulator has a TPM of its own then
    local name=$1
    shift
    rm -rf foreign
    start foreign "$@"
    check_ioctl "they do not load $name" 1 "PTM_SET_STATEBLOB: 0x" --load permanent blob.permanent
    check_ioctl "-i" 0 "" -i
    say $startup >/dev/null
    check_ask "it is not that TPM" 1 owned ooo
    stop
}
check_foreign "without a key"
check_foreign "with another key" --migration-key file=other128
check_foreign "with a key of the state files alone" --key file=key128
moves "under a binary key of 256 bits" start --migration-key file=binary256,format=binary,mode=aes-256-cbc
stop
moves "under a passphrase, PBKDF2" start --migration-key pwdfile=passphrase,mode=aes-256-cbc
stop
check_foreign "with the passphrase under SHA-512" --migration-key pwdfile=passphrase,mode=aes-256-cbc,kdf=sha512
moves "under a passphrase, SHA-512" start --migration-key pwdfile=passphrase,kdf=sha512
stop
rm -rf moved
start moved --key file=key256,mode=aes-256-cbc --migration-key pwdfile=passphrase,kdf=sha512
check_ioctl "-g with a key of the state files as well" 0 "flags: 0x3$" -g
load blob permanent volatile
check_ioctl "-i" 0 "" -i
check_ask "PCRs, key and session are there" 0 same notes
holds "the state files cannot be read" illegible moved/tpm-00.permall "$srk"
stop

# -- swtpm_bios -------------------------------------------------------------------------------------------------------

title swtpm_bios
flags() { ask flags | paste -sd ' '; }
boots() { # NAME STATUS FLAGS OPTIONS...: after a power cycle
    local name=$1 status=$2 flags=$3
    shift 3
    ioctl --stop
    ioctl -i
    check_bios "$name" "$status" "$@"
    [ -z "$flags" ] || same "$name: the flags" "$flags" "$(flags)"
}
present="disabled=0 deactivated=0 nvlocked=0 deactivated=0 presence=1 lock=0"
absent="disabled=0 deactivated=0 nvlocked=0 deactivated=0 presence=0 lock=0"
locked="disabled=0 deactivated=0 nvlocked=0 deactivated=0 presence=0 lock=1"
mkdir bios
start bios
check_bios "before -i it meets a TPM error" 128
boots "without an option" 0 "$present"
check_bios "a second time without a power cycle it meets a TPM error" 128
check_bios "-n goes on from there" 0 -n
boots "-c" 0 "$present" -c
boots "-d" 0 "disabled=0 deactivated=0 nvlocked=0 deactivated=1 presence=0 lock=0" -d
boots "-o" 0 "$absent" -o
boots "-n before TPM_Startup meets a TPM error" 128 "" -n
boots "-s without a saved state meets a TPM error" 128 "" -s
boots "-cs" 0 "$present" -cs
boots "-u" 0 "$locked" -u
check_bios "presence is locked then: -n meets a TPM error" 128 -n
boots "-ea" 0 "$present" -ea
boots "-ea -cs -u" 0 "$locked" -ea -cs -u
boots "-tpm2 meets a TPM error" 128 "" -tpm2
boots "-c again" 0 "$present" -c
same "TPM_PhysicalSetDeactivated" "$(answered 0)" "$(say 00c10000000b0000007201)"
boots "-ea wants a reset of a deactivated TPM" 129 "" -ea
boots "-ea after the reset" 0 "$present" -ea
same "TPM_SaveState" "$(answered 0)" "$(say $save_state)"
boots "-s with a saved state" 0 "$present" -s
stop
check_bios "nobody listens: a communication failure" 255
start_tcp bios
boots "over TCP" 0 "$present"
boots "over TCP, -u" 0 "$locked" -u
ioctl --stop
ioctl -i
exits "the address from TCSD_TCP_DEVICE_PORT" 0 "" env TCSD_USE_TCP_DEVICE=1 TCSD_TCP_DEVICE_HOSTNAME=127.0.0.1 \
    "TCSD_TCP_DEVICE_PORT=${data_address#tcp:}" swtpm_bios -o
stop

# -- The program's own options ----------------------------------------------------------------------------------------

title "what the program says of itself"
exits "--version" 0 '^TPM emulator version [0-9]+\.[0-9]+' swtpm --version
exits "--help" 0 . swtpm --help
exits "socket --help" 0 -- swtpm socket --help
exits "socket --print-capabilities" 0 '^\{ "type": "swtpm", "features": \[ "tpm-1.2", .*\], "version": "[0-9.]+" \}$' \
    swtpm socket --print-capabilities
mv seen capabilities
for name in cmdarg-seccomp cmdarg-key-fd cmdarg-pwd-fd cmdarg-print-states flags-opt-startup nvram-backend-dir; do
    holds "among them $name" grep -q "\"$name\"" capabilities
done

[ "$program" = swtpm ] || holds "but not tpm-2.0" grep -vq '"tpm-2.0"' capabilities

title "what it refuses"
mkdir state
socket=(swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/state.control")
refused "no interface" . swtpm
refused "an unknown interface" . swtpm teapot --tpmstate "dir=$work/state"
refused "an unknown option" . "${socket[@]}" --teapot
refused "a word that is no option" . "${socket[@]}" teapot
[ "$program" = swtpm ] || refused "--tpm2" . "${socket[@]}" --tpm2
refused "--tpmstate with an unknown part" . swtpm socket --tpmstate "dir=$work/state,teapot=1" --ctrl type=tcp,port=9
refused "--tpmstate with a mode that is not octal" . swtpm socket --tpmstate "dir=$work/state,mode=999" \
    --ctrl type=tcp,port=9
refused "--flags startup-clear without a directory" . env -u TPM_PATH swtpm socket --flags startup-clear \
    --ctrl "type=unixio,path=$work/state.control"
refused "--flags startup-clear in a directory that is not there" . swtpm socket --tpmstate "dir=$work/none" \
    --flags startup-clear --ctrl "type=unixio,path=$work/state.control"
for value in type=teapot,path=x path=x type=unixio type=tcp type=tcp,port=99999 type=tcp,port=x type=unixio,fd=77 \
    type=unixio,clientfd=77 "type=unixio,path=$work/none/control" "type=unixio,path=$work/x,mode=888" \
    "type=unixio,path=$work/x,teapot=1"; do
    refused "--ctrl $value" . swtpm socket --tpmstate "dir=$work/state" --ctrl "$value"
done
for value in type=unixio type=tcp,port=99999 type=tcp,port=x,disconnect teapot \
    type=tcp,port=9,bindaddr=192.0.2.1; do
    refused "--server $value" . "${socket[@]}" --server "$value"
done
for value in "--flags teapot" "--locality teapot" "--log teapot" "--log level=x" "--log file=$work/none/log" \
    "--pid teapot=1" "--pid file=$work/none/pid" "--runas nobody-of-this-name" "--seccomp action=teapot" \
    "--seccomp teapot" "--port 99999" "--port x" "--fd 77" "--fd x"; do
    # A log that cannot be opened takes the reason with it.
    refused "$value" "" "${socket[@]}" "${value%% *}" "${value#* }"
done
printf 12 >short-key
for value in teapot file=none file=short-key file=key128,format=teapot file=key128,mode=teapot file=key256 \
    file=key128,mode=aes-256-cbc file=key128,format=binary pwdfile=none pwdfile=passphrase,kdf=teapot fd=77 \
    remove=true; do
    refused "--key $value" . "${socket[@]}" --key "$value"
    refused "--migration-key $value" . "${socket[@]}" --migration-key "$value"
done
holds "nothing was put into the state directory" test ! -e state/tpm-00.permall

title "what its options do"
modes() { stat -c %a "$@" | paste -sd ' '; }
started() { # NAME FLAGS ANSWER: what PCR 0 reads as when the emulator is up
    rm -rf state
    start state --flags "$1"
    same "--flags $1" "$2" "$(say "$(pcr_read 0)")"
    stop
}
started not-need-init "$(answered 38)"
started not-need-init,startup-clear "$zeros"
started startup-clear "$zeros"
started startup-none "$(answered 9)"
started not-need-init,startup-none "$(answered 38)"
started startup-deactivated "$(answered 6)"
rm -rf state
start state --flags startup-clear
say "$(extend 5)" $save_state >/dev/null
index=$(say "$(pcr_read 5)")
say $save_state >/dev/null
stop
start state --flags startup-state
same "--flags startup-state" "$index" "$(say "$(pcr_read 5)")"

same "the modes of sockets and state" "770 770 640" "$(modes state.control state.data state/tpm-00.permall)"
holds "no other file is left in the directory" test -z "$(find state ! -name '.lock' ! -name 'tpm-00.*' -type f)"
stop
holds "the sockets are gone" test ! -e state.control -a ! -e state.data
rm -rf state && mkdir state
swtpm socket --tpmstate "dir=$work/state,mode=0600" \
    --ctrl "type=unixio,path=$work/state.control,mode=0606,uid=1,gid=2" \
    --server "type=unixio,path=$work/state.data,mode=0660" --flags startup-clear --daemon --pid "file=$work/state.pid" \
    --log "file=$work/guest.log,level=2,prefix=Guest" >seen 2>&1
same "--daemon returns with 0" 0 $?
holds "and says nothing" test ! -s seen
aim state
check_ioctl "and serves by then" 0 "" -e
same "mode=, uid= and gid=" "606 660 600 1:2" \
    "$(modes state.control state.data state/tpm-00.permall) $(stat -c %u:%g state.control)"
daemon=$(<state.pid)
same "--pid: the number and nothing else" "$daemon" "$(od -An -c state.pid | tr -d ' ')"
holds "it is the emulator's" grep -q swtpm "/proc/$daemon/cmdline"
same "the daemon has left this session" "" "$(ps -o tty= -p "$daemon" | grep -v '?')"
same "its standard streams are /dev/null" "/dev/null /dev/null /dev/null" \
    "$(readlink "/proc/$daemon/fd/0" "/proc/$daemon/fd/1" "/proc/$daemon/fd/2" | paste -sd ' ')"
check_ioctl "it ends on a shutdown" 0 "" -s
soon test ! -e "/proc/$daemon"
holds "the file with the number is gone" test ! -e state.pid
holds "the log has each line behind the prefix" test -z "$(grep -v '^Guest ' guest.log)"
holds "the log has the commands" grep -qE '^Guest.*(00 00 00 04|GET_TPMESTABLISHED)' guest.log
same "the log is its owner's" 600 "$(modes guest.log)"

daemon() { # OPTIONS...: runs it as a daemon until it is up, and stops it
    swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/state.control" --daemon "$@" >seen 2>&1 ||
        return
    tell 00000001 00000003 >>seen
    soon test ! -e state.control
}
echo "from before" >log
does "--log file=" daemon --log "file=$work/log,level=2"
same "it appends" "from before" "$(head -n 1 log)"
holds "and writes" test "$(wc -l <log)" -gt 1
does "--log truncate" daemon --log "file=$work/log,level=2,truncate"
holds "it begins anew" test "$(head -n 1 log)" != "from before"
: >log
does "--log level=0" daemon --log "file=$work/log,level=0"
holds "no command in it" test ! -s log
start state --log fd=9,level=2 9>log
check_ioctl "--log fd=" 0 "" -c
holds "it writes there" grep -qE '^ *00 00 00 01|GET_CAPABILITY' log
stop
does "--log file=-" daemon --log file=-,level=2
holds "no file of that name" test ! -e ./-
start state --pid fd=9 9>pid
same "--pid fd=" "${process[state]}" "$(<pid)"
stop
cp key128 gone
does "--key remove" daemon --key "file=$work/gone,remove"
holds "the key file is gone" test ! -e gone
cp key128 kept
does "--key remove=false" daemon --key "file=$work/kept,remove=false"
holds "the key file is there" test -e kept
does "--migration-key remove=true" daemon --migration-key "file=$work/kept,remove=true"
holds "the key file is gone" test ! -e kept
does "--key fd=" daemon --key fd=9 9<key128
does "--key pwdfd=" daemon --key pwdfd=9,mode=aes-256-cbc 9<passphrase
start state
{ kill -9 "${process[state]}"; wait "${process[state]}"; } 2>/dev/null
holds "SIGKILL leaves the sockets" test -S state.control -a -S state.data
does "they are no obstacle to the next" daemon --server "type=unixio,path=$work/state.data"

for action in none log kill; do
    start state --flags startup-clear --seccomp "action=$action"
    filter=2
    [ $action != none ] || filter=0
    same "--seccomp action=$action" $filter "$(sed -n 's/^Seccomp:\t//p' "/proc/${process[state]}/status")"
    check_ask "it works" 0 flags
    check_ioctl "it writes" 0 "" -v
    stop
done

chown -R tss state
swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/state/control" --runas tss --flags \
    startup-clear >state.log 2>&1 &
process[state]=$!
control=(--unix "$work/state/control")
await
same "--runas tss: who it is" "$(id -u tss) $(id -g tss)" "$(awk '/^[UG]id:/ { print $3 }' \
    "/proc/${process[state]}/status" | paste -sd ' ')"
check_ioctl "--runas tss: it writes" 0 "" -v
same "the file is that user's" tss "$(stat -c %U state/tpm-00.volatilestate)"
stop
rm -rf state

start state --locality reject-locality-4 --flags startup-clear
check_ioctl "--locality reject-locality-4" 1 "PTM_SET_LOCALITY: 0x3d" -l 4
check_ioctl "locality 3 is not rejected" 0 "" -l 3
stop

start state --flags startup-clear
say "$(extend 5)" >/dev/null
ioctl -v
index=$(say "$(pcr_read 5)")
{ kill -9 "${process[state]}"; wait "${process[state]}"; } 2>/dev/null
start state
check_ioctl "-i after SIGKILL" 0 "" -i
same "takes up what -v wrote" "$index" "$(say "$(pcr_read 5)")"
mkdir -p second
swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/second.control" \
    --server "type=unixio,path=$work/second.data" >second.log 2>&1 &
process[second]=$!
aim second
await
check_ioctl "a second emulator on the same directory has no TPM" 1 "PTM_INIT: 0x" -i
aim state
same "the first goes on" "$index" "$(say "$(pcr_read 5)")"
stop
aim second
check_ioctl "then it is the second's" 0 "" -i
stop

rm -rf state && mkdir state
for content in "no state" ""; do
    printf %s "$content" >state/tpm-00.permall
    start state
    check_ioctl "a state of ${#content} bytes is refused" 1 "PTM_INIT: 0x" -i
    same "it has no TPM then" "$(answered 9)" "$(say $startup)"
    stop
    same "and left the file as it is" "$content" "$(<state/tpm-00.permall)"
done
rm -rf state

title "how it ends, and what it outlives"
start state --flags startup-clear
kill -TERM "${process[state]}"
ended "${process[state]}"
same "SIGTERM: status 0" 0 $?
holds "the sockets are gone" test ! -e state.control -a ! -e state.data
start state --flags startup-clear
say "$(pcr_read 0)" >/dev/null
same "without --terminate it outlives its clients" "$zeros" "$(say "$(pcr_read 0)")"
same "on one connection, too" "$(printf '%s\n' "$zeros" "$zeros")" "$(say "$(pcr_read 0)" "$(pcr_read 1)")"
same "a command in three pieces" "$zeros" "$("${helper[@]}" split "$data_address" 00 c10000000e0000 001500000000)"
same "a control command in two" 00000000 "$("${helper[@]}" split "$control_address" 00000005 03)"
stop
start state --terminate --flags startup-clear
tell 00000001 >/dev/null
holds "--terminate: a control client may leave" running "${process[state]}"
say "$(pcr_read 0)" >/dev/null
ended "${process[state]}"
same "--terminate: it ends with its client, with 0" 0 $?
port=$(free_ports)
swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/state.control" --flags startup-clear \
    --server "type=tcp,port=$port,disconnect" >state.log 2>&1 &
process[state]=$!
aim state
data_address=tcp:$port
await
same "disconnect: one answer a connection" "$(printf '%s\n' "$zeros" closed)" "$(say "$(pcr_read 0)" "$(pcr_read 0)")"
same "and the next connection is served" "$zeros" "$(say "$(pcr_read 0)")"
stop
TPM_PATH=$work/state TPM_PORT=$port swtpm socket --ctrl "type=unixio,path=$work/state.control" --flags startup-clear \
    --server type=tcp >state.log 2>&1 &
process[state]=$!
await
same "TPM_PATH and TPM_PORT" "$zeros" "$(say "$(pcr_read 0)")"
stop
swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/state.control" --flags startup-clear \
    --port "$port" >state.log 2>&1 &
process[state]=$!
await
same "--port" "$zeros" "$(say "$(pcr_read 0)")"
stop

title "descriptors handed over"
# As swtpm_setup does it: two connected Unix sockets, of which the data one is called TCP.
options=(--tpmstate "backend-uri=dir://$work/state" --flags "not-need-init,startup-clear")
start state
capability=$(tell 00000001)
stop
same "connected control and data sockets" "$(printf '%s\n' "$capability" "$zeros" "$zeros" 00000000 0)" \
    "$("${helper[@]}" connected swtpm socket "${options[@]}" --ctrl type=unixio,clientfd=@0@ --server type=tcp,fd=@1@)"
same "--fd: it ends with its client" "$(printf '%s\n' "$zeros" "$zeros" 0)" \
    "$("${helper[@]}" connected-data swtpm socket "${options[@]}" --fd @0@)"
same "listening control and data sockets" \
    "$(printf '%s\n' "$capability" "$zeros" "$capability" "$zeros" running 0)" \
    "$("${helper[@]}" accepting "$work" swtpm socket "${options[@]}" --ctrl type=unixio,fd=@0@ \
        --server type=unixio,fd=@1@)"
swtpm socket --tpmstate "dir=$work/state" --ctrl "type=unixio,path=$work/state.control" >state.log 2>&1 &
process[state]=$!
aim state
await
same "SET_DATAFD without a descriptor" 00000003 "$(tell 00000010)"
ioctl -i
say_over() { "${helper[@]}" hand-over "$control_address" "$@"; }
same "SET_DATAFD, as QEMU does it" "$(printf '%s\n' 00000000 "$(answered 0)" "$zeros" "$capability")" \
    "$(say_over $startup "$(pcr_read 0)")"
same "and again when that one has closed" "$(printf '%s\n' 00000000 "$zeros" "$capability")" \
    "$(say_over "$(pcr_read 0)")"
stop
start state
same "SET_DATAFD beside --server is refused" 0000001f "$(tell 00000010)"
stop
start_tcp state
same "SET_DATAFD over TCP is refused" 0000001f "$(tell 00000010)"
stop

# -- Garbage ----------------------------------------------------------------------------------------------------------

title garbage
memory() { awk '/^VmRSS:/ { print int($2 / 1024) }' "/proc/${process[$tpm]}/status"; }
garbage() { # STARTER
    local before
    $1 garbage --flags startup-clear
    before=$(memory)
    exits "$1: three rounds of it" 0 "" "${helper[@]}" garbage "$control_address" "$data_address" 3
    holds "$1: it is alive" running "${process[garbage]}"
    holds "$1: no memory went to lengths that were only promised" test $(($(memory) - before)) -lt 32
    check_ioctl "$1: the next control client is served" 0 "" -c
    check_ioctl "$1: -i" 0 "" -i
    same "$1: the next data client is served" "$(answered 0)" "$(say $startup)"
    same "$1: by the TPM" "$zeros" "$(say "$(pcr_read 0)")"
    stop
}
mkdir garbage
garbage start
garbage start_tcp

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
