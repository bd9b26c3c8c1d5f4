# shellcheck shell=bash
# The guests of manager.sh, and how they use their TPMs: `tools` with TrouSerS and tpm-tools through tcsd, `machine` in
# QEMU, `lib` and `apart` with the project's client library, the latter with its engine in a process of its own.
#
# Needs what manager-host.sh and qemu-machine.sh need; $load, the program that uses TPMs through the library.
# shellcheck disable=SC2154

declare -A socat_process tcsd_process

# The socket of a guest of the host.
socket_of() { # GUEST
    ask "/v1/guests/$1" | jq -er .socket
}

# What runs, as the manager says: `NAME STATE`, a line each.
states() { ask /v1/guests | jq -r '.[] | "\(.name) \(.state)"'; }

all_run() { [ "$(states | grep -c ' running$')" -eq "$(states | wc -l)" ]; }

# True when a guest of the host does not run, and the manager says why in words that match.
guest_is_held() { # GUEST PATTERN
    ask "/v1/guests/$1" | tee "$work/report"
    jq -e '.state == "failed"' "$work/report" && jq -r .problem "$work/report" | grep -E "$2"
}

# -- tools: TrouSerS and tpm-tools --------------------------------------------------------------------------------

nv_area=0x1100

# tcsd on the guest's socket. It speaks to TCP only, and gives up root for the user tss.
start_tcsd() {
    local port socket
    socket=$(socket_of tools) || return
    port=$(free_ports 2)
    export TSS_TCSD_PORT=$((port + 1)) TSS_USER_PS_FILE=$work/$host/user.data
    mkdir -p "$work/$host/tcsd" && chown tss:tss "$work/$host/tcsd" || return
    printf 'port = %s\nsystem_ps_file = %s\n' $((port + 1)) "$work/$host/tcsd/system.data" >"$work/$host/tcsd.conf"
    chown root:tss "$work/$host/tcsd.conf" && chmod 640 "$work/$host/tcsd.conf" || return
    socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" "UNIX-CONNECT:$socket" >>"$work/$host/socat.log" 2>&1 &
    socat_process[$host]=$!
    wait_until 10 listens "$port" || return
    TCSD_USE_TCP_DEVICE=1 TCSD_TCP_DEVICE_HOSTNAME=127.0.0.1 TCSD_TCP_DEVICE_PORT=$port \
        tcsd -f -e -c "$work/$host/tcsd.conf" >>"$work/$host/tcsd.log" 2>&1 &
    tcsd_process[$host]=$!
    wait_until 10 listens $((port + 1))
}

stop_tcsd() {
    kill -9 "${tcsd_process[$host]}" "${socat_process[$host]}"
    wait "${tcsd_process[$host]}" "${socat_process[$host]}"
    unset "tcsd_process[$host]" "socat_process[$host]"
    return 0
} 2>/dev/null

# The tools read passwords from standard input; they ask for none here.
tool() { timeout -k 5 60 setsid -w "$@" </dev/null; }

# An owner, a key with data sealed under it, an NV area.
tools_owns() {
    echo "a secret of the guest" >"$work/plain"
    start_tcsd && tool tpm_takeownership -y -z && tool tpm_sealdata -z -i "$work/plain" -o "$work/$host/sealed" &&
        tool tpm_nvdefine -y -i $nv_area -s 32 -p "OWNERREAD|OWNERWRITE" &&
        tool tpm_nvwrite -z -i $nv_area -d "the bytes that stay" && stop_tcsd
}

tools_is_whole() {
    start_tcsd && tool tpm_setownable -s -z && tool tpm_unsealdata -z -i "$work/$host/sealed" | diff "$work/plain" - &&
        tool tpm_nvread -z -i $nv_area -s 19 | grep -a "the bytes that s" && stop_tcsd
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_ports() { # COUNT: the first of so many
    local port offset
    while true; do
        port=$((20000 + RANDOM % 12000))
        for ((offset = 0; offset < $1; offset++)); do listens $((port + offset)) && continue 2; done
        echo "$port"
        return
    done
}

# -- machine: a kernel under QEMU ---------------------------------------------------------------------------------

# Boots the guest on its TPM, lets it do something, and ends it.
in_machine() { # COMMAND
    local socket status
    socket=$(socket_of machine) && ln -sfn "$socket" "$work/machine.ctrl" && start_machine machine "" || return
    guest_is_up machine 1 && guest machine "$1"
    status=$?
    stop_machine machine
    return $status
}

# What the client in the guest has to remember travels as text; the guest has no disk.
machine_owns() {
    local uses='vtpm-manager-load own keep /dev/tpm0 && vtpm-manager-load advance keep 5 /dev/tpm0'
    in_machine "$uses"' && vtpm pcrs | head -n 8 && echo "keep=$(tar c keep | gzip | base64 | tr -d "\n")"' |
        tee "$work/$host/machine.said" | sed 's/^keep=.*/keep=.../' || return
    grep -c '^PCR-0[0-7]: .*[1-9A-F]' "$work/$host/machine.said" | grep -x 8 || return
    machine_kept=$(sed -n 's/^keep=//p' "$work/$host/machine.said")
    [ ${#machine_kept} -gt 1000 ]
}

machine_is_whole() {
    in_machine "echo $machine_kept | base64 -d | gzip -d | tar x; vtpm-manager-load verify keep /dev/tpm0"
}

# -- lib and apart: the client library ----------------------------------------------------------------------------

# Prints `unix:SOCKET` for both.
library_addresses() {
    local name
    for name in lib apart; do echo "unix:$(socket_of $name)"; done
}

library_owns() {
    # shellcheck disable=SC2046
    "$load" own "$work/kept/$host" $(library_addresses)
}

library_is_whole() {
    # shellcheck disable=SC2046
    "$load" verify "$work/kept/$host" $(library_addresses)
}

library_writes() {
    # shellcheck disable=SC2046
    "$load" advance "$work/kept/$host" 5 $(library_addresses)
}

# The processes of engines, as `PID USER`.
engines() { ps --ppid "${manager_process[$host]}" -o pid=,user=; }

# -- The manager dies under load ----------------------------------------------------------------------------------

# Kills the manager at a random moment while both guests of the library write and a guest is made or destroyed, starts it,
# and looks for every number that was answered; so many times. A fifth of the kills meets a manager that is just starting.
kill_under_load() { # TIMES
    local addresses killed=0 began took slowest=0 writer change changes=0
    addresses=$(library_addresses)
    # shellcheck disable=SC2086
    "$load" write "$work/kept/$host" $addresses >"$work/$host/writers.log" 2>&1 &
    writer=$!
    wait_until 20 writes_everywhere || { cat "$work/$host/writers.log"; kill -9 $writer; return 1; }
    while [ $killed -lt "$1" ]; do
        change_guest &
        change=$!
        pause 700
        ended "${manager_process[$host]}" && { echo "the manager ended by itself"; kill -9 $writer; return 1; }
        kill_manager
        killed=$((killed + 1))
        wait $change
        [ ! -s "$work/made" ] || changes=$((changes + 1))
        kill -STOP $writer
        if [ $((killed % 5)) -eq 4 ]; then
            launch_manager
            pause 250
            kill_manager
            killed=$((killed + 1))
        fi
        began=${EPOCHREALTIME/./}
        launch_manager
        # shellcheck disable=SC2086
        if ! "$load" verify "$work/kept/$host" $addresses >"$work/verified" 2>&1; then
            cat "$work/verified"
            kill -9 $writer
            return 1
        fi
        took=$(((${EPOCHREALTIME/./} - began) / 1000))
        [ $took -le $slowest ] || slowest=$took
        change_is_kept || { kill -9 $writer; return 1; }
        kill -CONT $writer
        ended $writer && { cat "$work/$host/writers.log"; return 1; }
        [ $((killed % 10)) -ne 0 ] || echo "   $killed kills; the slowest restart took $slowest ms" >&3
    done
    kill $writer && wait $writer || { cat "$work/$host/writers.log"; return 1; }
    [ "$(cat "$work/made")" = gone ] || verb guest destroy made --yes || return
    rm "$work/made"
    echo "   $(tail -n 1 "$work/$host/writers.log"), and $changes guests made or destroyed" >&3
    [ $changes -gt 0 ]
}

# At some moment makes the guest `made`, or destroys it when it is there. $work/made says what it is for sure.
change_guest() {
    local before
    before=$(cat "$work/made" 2>/dev/null)
    pause 700
    : >"$work/made"
    if [ "$before" = there ]; then
        verb guest destroy made --yes >/dev/null 2>&1 && echo gone >"$work/made"
    else
        verb guest create made --interface raw --no-start >/dev/null 2>&1 && echo there >"$work/made"
    fi
}

# True when the guest `made` is what the manager answered that it is.
change_is_kept() {
    local expected is=gone
    expected=$(cat "$work/made")
    wait_until 20 manager_answers || return
    ! ask /v1/guests/made >/dev/null 2>&1 || is=there
    echo "made: $is, and was answered to be ${expected:-unknown}"
    echo $is >"$work/made"
    [ "${expected:-$is}" = $is ]
}

writes_everywhere() { [ "$(grep -c ' writes$' "$work/$host/writers.log")" -eq 6 ]; }

pause() { # MILLISECONDS, at most
    sleep "$(printf 0.%03d $((RANDOM % $1)))"
}

end_guests() {
    local process
    for process in "${tcsd_process[@]}" "${socat_process[@]}"; do
        kill -9 "$process"
        wait "$process"
    done 2>/dev/null
}
