# shellcheck shell=bash
# What qemu.sh, manager.sh and xen.sh stand on: a Debian kernel with an initramfs of busybox and the project's client, an
# emulator of a TPM behind swtpm's control socket, QEMU between the two, and a way to say what the guest shall do.
#
# Needs: $work, a directory of this run; $cache, one that stays; $vtpm, the binary for the guest; $swtpm, the emulator.
# Every machine and every emulator has a name; its files in $work begin with that. QEMU is restarted under the same name
# when it was stopped.
# shellcheck disable=SC2154

declare -A qemu_process emulator_process qmp_in qmp_out commands

# -- Kernel and initramfs -----------------------------------------------------------------------------------------

# Unpacks a package of Debian to $cache/PACKAGE, and does not install it.
fetch_package() { # PACKAGE
    [ ! -d "$cache/$1" ] || return 0
    rm -rf "$cache/download" && mkdir -p "$cache/download" || return
    # apt-get writes to the directory that it is called in.
    (cd "$cache/download" && apt-get download -qq "$1" 2>"$work/output") || { cat "$work/output" >&2; return 1; }
    dpkg-deb -x "$cache/download/"*.deb "$cache/download/root" && mv "$cache/download/root" "$cache/$1" || return
    rm -rf "$cache/download"
}

# Debian's present kernel of the 6.1 series. Sets $kernel and $modules.
fetch_kernel() {
    local package version
    package=$(apt-cache search --names-only '^linux-image-6\.1\.0-[0-9]+-amd64$' | awk '{print $1}' | sort -V | tail -1)
    if [ -z "$package" ]; then
        echo "apt knows no linux-image-6.1.0-*-amd64: run apt-get update" >&2
        return 1
    fi
    version=${package#linux-image-}
    kernel=$cache/$package/boot/vmlinuz-$version
    modules=$cache/$package/lib/modules/$version/kernel
    fetch_package "$package"
}

# An initramfs of guest/init, the client and other programs, and the module that makes /dev/vtpmx. Sets $initramfs.
build_initramfs() { # [PROGRAM...]
    make_root "$work/root" && add_programs "$work/root" /bin "$vtpm" "$@" &&
        cp "$modules/drivers/char/tpm/tpm_vtpm_proxy.ko" "$work/root/lib/modules" || return
    initramfs=$work/initramfs.cpio
    pack_root "$work/root" "$initramfs"
}

# The root directory of an initramfs, with busybox and guest/init.
make_root() { # DIRECTORY
    mkdir -p "$1"/{bin,dev,proc,sys,tmp,lib/modules} || return
    cp "$(command -v busybox)" "$1/bin/busybox" && ln -s busybox "$1/bin/sh" || return
    cp Tests/EndToEnd/guest/init "$1/init" && chmod 755 "$1/init"
}

# Programs and their shared libraries, without their symbols, which are a third of them.
add_programs() { # ROOT DIRECTORY PROGRAM...
    local root=$1 directory=$1$2 library program
    shift 2
    mkdir -p "$directory" || return
    for program in "$@"; do strip -o "$directory/${program##*/}" "$program" || return; done
    for library in $(ldd "$@" | grep -o '/[^ ]* (0x' | cut -d ' ' -f 1 | sort -u); do
        mkdir -p "$root${library%/*}" && cp -L "$library" "$root$library" || return
    done
}

# Not compressed: the guest would take longer to inflate it than QEMU takes to load it.
pack_root() { # ROOT FILE
    # Names in order, no times, one owner: the same bytes for the same files.
    find "$1" -exec touch -h -d @0 {} + &&
        (cd "$1" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) >"$2"
}

# -- Emulators ----------------------------------------------------------------------------------------------------

# Starts an emulator as libvirt does: it waits for QEMU at the socket NAME.ctrl, and ends when QEMU does.
start_emulator() { # NAME STATE-DIRECTORY [OPTION...]
    local name=$1 state=$2
    mkdir -p "$state"
    "$swtpm" socket --tpmstate "dir=$state" --ctrl "type=unixio,path=$work/$name.ctrl" --terminate "${@:3}" \
        >"$work/$name.emulator" 2>&1 &
    emulator_process[$name]=$!
    wait_until 10 test -S "$work/$name.ctrl"
}

# True when the emulator ended by itself.
emulator_ended() { # NAME
    wait_until 10 ended "${emulator_process[$1]}" && wait "${emulator_process[$1]}" 2>/dev/null
}

# -- Machines -----------------------------------------------------------------------------------------------------

# Starts QEMU with Debian's kernel, and with the TPM at the control socket NAME.ctrl if there is one.
start_machine() { # NAME KERNEL-PARAMETERS [OPTION...]
    local tpm=()
    if [ -S "$work/$1.ctrl" ]; then
        tpm=(-chardev "socket,id=tpm,path=$work/$1.ctrl" -tpmdev emulator,id=tpm0,chardev=tpm
            -device tpm-tis,tpmdev=tpm0)
    fi
    run_qemu "$1" -m "$memory" -kernel "$kernel" -initrd "$initramfs" -append "console=ttyS0 quiet panic=-1 $2" \
        "${tpm[@]}" "${@:3}"
}

# Starts QEMU. The first serial port is written to NAME.console, at the second the guest's /init listens.
run_qemu() { # NAME OPTION...
    make_pipe "$1.guest" && make_pipe "$1.monitor" || return
    qemu-system-x86_64 -accel tcg -display none -nic none -serial "file:$work/$1.console" \
        -serial "pipe:$work/$1.guest" -qmp "pipe:$work/$1.monitor" "${@:2}" >"$work/$1.qemu" 2>&1 &
    qemu_process[$1]=$!
    # Opened for both directions, so that no open waits for the other end.
    exec {qmp_in[$1]}<>"$work/$1.monitor.in" {qmp_out[$1]}<>"$work/$1.monitor.out"
    listen_to "$1"
    qmp "$1" qmp_capabilities
}

# What a character device `pipe` of QEMU stands on.
make_pipe() { # NAME
    rm -f "$work/$1.in" "$work/$1.out"
    mkfifo "$work/$1.in" "$work/$1.out"
}

# Takes the other end of the pipe NAME.guest.
listen_to() { # NAME
    exec {commands[$1]}<>"$work/$1.guest.in"
    # What the guest says has to go somewhere even while nobody looks.
    cat "$work/$1.guest.out" >"$work/$1.answers" &
}

# Sends a command to QEMU and prints its answer; fails when that is an error, or QEMU is gone.
qmp() { # NAME COMMAND [ARGUMENTS, as JSON]
    local line end=$((SECONDS + 30))
    echo "{\"execute\": \"$2\"${3:+, \"arguments\": $3}}" >&"${qmp_in[$1]}"
    while [ "$SECONDS" -lt "$end" ] && ! ended "${qemu_process[$1]}"; do
        read -r -t 1 line <&"${qmp_out[$1]}" || continue
        case $line in
        *'"return"'*) echo "$line"; return 0 ;;
        *'"error"'*) echo "$line"; return 1 ;;
        esac
    done
    echo "QEMU does not answer $2"
    return 1
}

# True when the guest's /init took over from the kernel, for the time that is given (1: since power-on).
guest_is_up() { # NAME TIMES
    wait_until 120 said "$1" '^@@ ready' "$2"
}

said() { # NAME PATTERN TIMES
    [ "$(grep -acE "$2" "$work/$1.answers")" -ge "$3" ]
}

# Lets the guest do something, and does not wait for it.
tell() { # NAME COMMAND
    echo "$2" >&"${commands[$1]}"
}

# Lets the guest do something, and prints what that prints. The status is the guest's; 124 when it takes too long.
guest() { # NAME COMMAND [SECONDS]
    local answers=$work/$1.answers before=0 count
    before=$(wc -c <"$answers")
    count=$(grep -ac '^@@ done' "$answers")
    tell "$1" "$2"
    wait_until "${3:-60}" answered "$1" $((count + 1)) && ! ended "${qemu_process[$1]}" || return 124
    tail -c +$((before + 1)) "$answers" | tr -d '\r' | sed '/^@@ done/d'
    return "$(sed -n 's/^@@ done \([0-9]*\).*/\1/p' "$answers" | tail -n 1)"
}

answered() { # NAME TIMES; true, too, when no answer will come
    said "$1" '^@@ done' "$2" || ended "${qemu_process[$1]}"
}

# The guest's command fails and says why, in a line that matches.
fails() { # PATTERN MACHINE COMMAND
    local output
    output=$(guest "$2" "$3")
    case $? in 0 | 124) echo "$output"; return 1 ;; esac
    grep -E "$1" <<<"$output" || { echo "$output"; return 1; }
}

# The guest's command succeeds and prints a line that matches.
shows() { # PATTERN MACHINE COMMAND
    local output
    output=$(guest "$2" "$3") || { echo "$output"; return 1; }
    grep -E "$1" <<<"$output" || { echo "$output"; return 1; }
}

# Ends QEMU, and its guest with it.
stop_machine() { # NAME
    ended "${qemu_process[$1]}" || qmp "$1" quit >/dev/null || kill -9 "${qemu_process[$1]}" 2>/dev/null
    wait "${qemu_process[$1]}"
    exec {commands[$1]}>&- {qmp_in[$1]}>&- {qmp_out[$1]}>&-
    unset "qemu_process[$1]"
}

# -- Migration ----------------------------------------------------------------------------------------------------

# Sends a machine to a place of QEMU's (`exec:...`, `unix:...`), and waits for how that ends.
migrate() { # NAME URI [STATUS]
    qmp "$1" migrate "{\"uri\": \"$2\"}" && wait_until 60 migration_is "$1" "${3:-completed}"
}

# True when the last migration of a machine has come to this; prints where it is.
migration_is() { # NAME STATUS
    qmp "$1" query-migrate | tail -n 1 | tee "$work/$1.migration" | grep -q "\"status\": \"$2\""
}

# True when a machine's processor runs.
machine_runs() { # NAME
    qmp "$1" query-status | grep -q '"running": true'
}

# -- Waiting ------------------------------------------------------------------------------------------------------

wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

ended() { ! kill -0 "$1" 2>/dev/null; }

end_all() {
    local process
    for process in "${qemu_process[@]}" "${emulator_process[@]}"; do
        kill -9 "$process"
        wait "$process"
    done 2>/dev/null
}
