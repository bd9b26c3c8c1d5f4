# shellcheck shell=bash
# What manager.sh stands on: hosts, each with a configuration, a store and at times a manager; and chips, Debian's swtpm
# in the place of a hardware TPM 2.0 or 1.2, which keep their state when they lose power.
#
# Needs: $work, a directory of this run that others may pass through; $vtpm. Hosts and chips have names; what is theirs
# lies in $work/NAME. $host is the host that is looked at.
# shellcheck disable=SC2154

declare -A chip_process chip_version manager_process

# -- Chips --------------------------------------------------------------------------------------------------------

# A new chip, with power; a TPM 1.2 gets its endorsement key and the owner of $work/owner.
new_chip() { # CHIP tpm2|tpm12
    mkdir -p "$work/$1/tpm-state" || return
    chip_version[$1]=$2
    power_on "$1" || return
    [ "$2" = tpm12 ] || return 0
    "$vtpm" create-ek --tpm "unix:$work/$1/tpm" &&
        "$vtpm" take-ownership --owner-auth-file "$work/owner" --tpm "unix:$work/$1/tpm"
}

# The machine starts: the PCRs are zero again.
power_on() { # CHIP
    local version=()
    [ "${chip_version[$1]}" = tpm12 ] || version=(--tpm2)
    rm -f "$work/$1/tpm" "$work/$1/tpm.ctrl"
    swtpm socket "${version[@]}" --tpmstate "dir=$work/$1/tpm-state" --server "type=unixio,path=$work/$1/tpm" \
        --ctrl "type=unixio,path=$work/$1/tpm.ctrl" --flags not-need-init,startup-clear >>"$work/$1/swtpm.log" 2>&1 &
    chip_process[$1]=$!
    wait_until 10 test -S "$work/$1/tpm"
}

power_off() { # CHIP
    kill -9 "${chip_process[$1]}"
    { wait "${chip_process[$1]}"; } 2>/dev/null
    unset "chip_process[$1]"
}

reboot_chip() { # CHIP
    power_off "$1" && power_on "$1"
}

# Where the manager finds a chip.
address_of() { # CHIP
    if [ "${chip_version[$1]}" = tpm2 ]; then echo "tpm2:swtpm:path=$work/$1/tpm"; else echo "tpm1.2:unix:$work/$1/tpm"; fi
}

# A digest of the chip's size that stands for something that boots.
digest_of() { # CHIP TEXT
    local sum
    if [ "${chip_version[$1]}" = tpm2 ]; then sum=$(sha256sum <<<"$2"); else sum=$(sha1sum <<<"$2"); fi
    echo "${sum%% *}"
}

# Something boots, and is measured into a PCR of the chip.
boots() { # CHIP PCR TEXT
    if [ "${chip_version[$1]}" = tpm2 ]; then
        TPM2TOOLS_TCTI=swtpm:path=$work/$1/tpm tpm2_pcrextend "$2:sha256=$(digest_of "$1" "$3")"
    else
        "$vtpm" extend "$2" --digest "$(digest_of "$1" "$3")" --tpm "unix:$work/$1/tpm"
    fi
}

# The options by which the owner of a chip is known.
owner_of() { # CHIP
    if [ "${chip_version[$1]}" = tpm2 ]; then echo --owner-well-known; else echo "--owner-auth-file $work/owner"; fi
}

# -- Hosts --------------------------------------------------------------------------------------------------------

# A host without a store yet.
new_host() { # HOST ANCHOR-ADDRESS
    mkdir -p "$work/$1/run" && chmod 711 "$work/$1" "$work/$1/run" || return
    cat >"$work/$1/manager.toml" <<TOML
directory = "$work/$1/state"
[anchor]
address = "$2"
only-user = true
timeout = 10
[admin]
socket = "$work/$1/run/manager.sock"
[guests]
sockets = "$work/$1/run/guests"
[checkpoint]
interval = 1
[keys]
pool = 4
TOML
}

# A verb for the host's manager.
verb() { # VERB...
    VTPM_MANAGER=$work/$host/run/manager.sock timeout 60 "$vtpm" "$@"
}

# The answer of the host's manager to a GET request; fails when that is an error.
ask() { # PATH
    curl -sS --fail-with-body --max-time 20 --unix-socket "$work/$host/run/manager.sock" "http://localhost$1"
}

# Starts the host's manager, and waits for nothing.
launch_manager() {
    "$vtpm" manager run --config "$work/$host/manager.toml" >>"$work/$host/manager.log" 2>&1 &
    manager_process[$host]=$!
}

# Starts the host's manager, and waits until it answers.
start_manager() {
    launch_manager
    wait_until 20 manager_answers
}

manager_answers() {
    ended "${manager_process[$host]}" || ask /v1/status >/dev/null 2>&1
}

# Ends it cleanly; fails when it does not end with status 0.
stop_manager() {
    local process=${manager_process[$host]}
    kill -TERM "$process" && wait_until 20 ended "$process" || return
    unset "manager_process[$host]"
    wait "$process"
}

kill_manager() {
    kill -9 "${manager_process[$host]}"
    { wait "${manager_process[$host]}"; } 2>/dev/null
    unset "manager_process[$host]"
}

restart_manager() {
    stop_manager && start_manager
}

# What the manager, started on the host as it is, refuses with; it must end by itself.
manager_refuses() { # PATTERN
    timeout 30 "$vtpm" manager run --config "$work/$host/manager.toml" >"$work/refusal" 2>&1
    local status=$?
    cat "$work/refusal"
    echo "exit $status"
    [ "$status" -eq 1 ] && grep -qE "$1" "$work/refusal"
}

is_healthy() { verb manager status; }

# True when the manager is not well, and says so in words that match.
complains() { # PATTERN
    local output
    output=$(verb manager status)
    local status=$?
    echo "$output"
    [ "$status" -eq 1 ] && grep -qE "$1" <<<"$output"
}

end_hosts() {
    local process
    for process in "${manager_process[@]}" "${chip_process[@]}"; do
        kill -9 "$process"
        wait "$process"
    done 2>/dev/null
}

# True when none of the programs of this run runs any more, engines of guests among them.
nothing_runs() {
    local link
    for link in /proc/[0-9]*/exe; do
        case $(readlink "$link" 2>/dev/null) in "$work"/*) echo "$link"; return 1 ;; esac
    done
}
