# shellcheck shell=bash
# What manager.sh does with the disk of a store: a small file system of its own, over the software TPM.
# shellcheck disable=SC2154

disk_chapter() {
    local writer
    host=disk
    echo "== disk: a store on a small disk"
    must "disk: the host is configured" new_host disk "software:$work/disk/anchor"
    must "disk: a file system is made" make_disk
    must "disk: vtpm manager init" verb manager init --config "$work/disk/manager.toml" \
        --recovery-passphrase-file "$work/passphrase"
    must "disk: the manager starts" start_manager
    must "disk: a guest" verb guest create lib --interface raw
    must "disk: a guest with an engine of its own" verb guest create apart --interface raw --isolation process
    must "disk: the guests have owners, keys and NV areas" library_owns
    # Its log is short then, and has to grow.
    must "disk: the manager starts anew" restart_manager
    local manager=${manager_process[disk]}

    echo "== disk: there is no room"
    must "disk: something fills it" fill_disk
    # shellcheck disable=SC2046
    "$load" write "$work/kept/disk" $(library_addresses) >"$work/disk/writers.log" 2>&1 &
    writer=$!
    check "disk: writes are answered with TPM_NOSPACE or TPM_FAIL" wait_until 60 everywhere 'refused TPM_(NOSPACE|FAIL)'
    check "disk: one of them with TPM_NOSPACE" grep TPM_NOSPACE "$work/disk/writers.log"
    check "disk: reading goes on" reads
    check "disk: status says that there is no room" complains "room"
    exits "disk: no guest is made" 1 "room" verb guest create none
    rm "$work/disk/state/filler"
    check "disk: with room all of them write again" wait_until 30 everywhere writes
    check "disk: the manager is healthy by itself" wait_until 30 is_healthy

    echo "== disk: it takes no writes"
    # What a file system does that was remounted read-only after an error: open files take none either.
    must "disk: it becomes read-only" chattr +i "$work/disk/state/store.sqlite" "$work/disk/state/store.sqlite-wal"
    check "disk: writes are answered with TPM_FAIL" wait_until 30 everywhere 'refused TPM_FAIL'
    check "disk: reading goes on" reads
    check "disk: status says why" complains "store"
    must "disk: it takes writes again" chattr -i "$work/disk/state/store.sqlite" "$work/disk/state/store.sqlite-wal"
    check "disk: all of them write again" wait_until 30 everywhere writes
    check "disk: the manager is healthy by itself" wait_until 30 is_healthy
    check "disk: it is the manager that it was" kill -0 "$manager"
    kill "$writer"
    check "disk: no answered write was lost" wait "$writer"
    check "disk: what the guests made is there" library_is_whole
    check "disk: the manager stops" stop_manager
    must "disk: it is mounted read-only" mount -o remount,ro "$work/disk/state"
    check "disk: the manager does not start there, and says why" manager_refuses "read-only|written"
    must "disk: it is mounted for writing" mount -o remount,rw "$work/disk/state"
    must "disk: the manager starts" start_manager
    check "disk: what the guests made is there" library_is_whole
    check "disk: the manager stops" stop_manager
    check "disk: it is unmounted" umount "$work/disk/state"
}

make_disk() {
    mkdir "$work/disk/state" && truncate -s 24M "$work/disk/image" &&
        mkfs.ext4 -q -m 0 "$work/disk/image" && mount -o loop "$work/disk/image" "$work/disk/state" &&
        rm -r "$work/disk/state/lost+found" && chmod 700 "$work/disk/state"
}

# Leaves room for a few commits.
fill_disk() {
    local left
    left=$(df --output=avail -B 1 "$work/disk/state" | tail -n 1)
    head -c $((left - 65536)) /dev/zero >"$work/disk/state/filler" && df "$work/disk/state"
}

# True when the last that every writer said matches.
everywhere() { # PATTERN
    local said
    said=$(tac "$work/disk/writers.log" | awk '!seen[$1 $2]++ { print $3, $4 }')
    echo "$said"
    [ "$(grep -cE "^$1" <<<"$said")" -eq 6 ]
}

# Both guests answer what changes nothing.
reads() {
    local address
    for address in $(library_addresses); do "$vtpm" pcrs --tpm "$address" || return; done
}
