# shellcheck shell=bash
# What manager.sh does with a host whose hardware is swtpm, as TPM 2.0 or TPM 1.2.
# shellcheck disable=SC2154

hardware_chapter() { # tpm2|tpm12 KILLS
    local kind=$1 chip=$1-chip
    host=$1
    begin_host
    use_guests
    echo "== $kind: the manager is killed while guests write"
    must "$kind: $2 times killed, every answered write is there" kill_under_load "$2"
    check "$kind: all guests run" all_run
    check "$kind: the manager is healthy" is_healthy
    stop_and_start
    quote_deeply
    lose_engines
    boot_something_else
    approve_what_boots
    put_the_store_back
    lose_the_chip
    [ "$kind" = tpm2 ] || lock_the_chip
    move_to_another_chip
    host=$kind
    power_off "$chip"
}

# -- A new host ---------------------------------------------------------------------------------------------------

begin_host() {
    echo "== $kind: a host gets a manager, and guests"
    must "$kind: the hardware starts" new_chip "$chip" "$kind"
    must "$kind: the host is configured" new_host "$host" "$(address_of "$chip")"
    local config=$work/$host/manager.toml key=$work/$host-approval
    check "$kind: the configuration is checked" verb manager run --check-config --config "$config"
    sed 's/^interval = 1$/interval = "often"/' "$config" >"$work/bad.toml"
    exits "$kind: one with a mistake is refused" 78 interval verb manager run --check-config --config "$work/bad.toml"
    exits "$kind: without a store the manager does not start" 1 "init" verb manager run --config "$config"
    must "$kind: the operator makes an approval key" make_key "$key"
    # One operator has a key made for recovery, the other brings one.
    local recovery=(--recovery-passphrase-file "$work/passphrase") owner
    if [ "$kind" = tpm12 ]; then
        must "$kind: the operator makes a recovery key" make_recovery_key "$work/$host-recovery.pem"
        recovery=(--recovery-key "$work/$host-recovery.pem.public")
    fi
    read -ra owner <<<"$(owner_of "$chip")"
    must "$kind: vtpm manager init" verb manager init --config "$config" "${recovery[@]}" "${owner[@]}" \
        --approval-key "$key.public" --pcrs 0,2,4,7
    [ "$kind" = tpm12 ] ||
        must "$kind: init wrote the recovery key" mv "$work/$host/state/recovery-private.pem" "$work/$host-recovery.pem"
    exits "$kind: init does not touch what is there" 1 "" verb manager init --config "$config" "${recovery[@]}" "${owner[@]}"
    exits "$kind: status says when there is no manager" 2 "" verb manager status
    must "$kind: the manager starts" start_manager
    exits "$kind: a second manager is refused" 1 "" verb manager run --config "$config"
    check "$kind: vtpm manager status" is_healthy
    check "$kind: the same as JSON" eval 'verb manager status --json | jq -e ".problems == []"'
    check "$kind: curl reads the status" json /v1/status '.problems == [] and .groups == 1 and .openGroups == 1'
    check "$kind: curl reads the metrics" prometheus
    check "$kind: a group that needs no approval" verb group create free
    must "$kind: a guest for tpm-tools" verb guest create tools --interface raw
    must "$kind: a guest for QEMU" verb guest create machine --interface control
    must "$kind: a guest for the library" verb guest create lib --interface raw
    must "$kind: a guest with an engine of its own" verb guest create apart --interface raw --isolation process
    must "$kind: the same for QEMU" verb guest create board --interface control --isolation process
    must "$kind: a guest of the other group" verb guest create other --group free --interface raw \
        --link-pcrs 7
    exits "$kind: a name is taken once" 1 lib verb guest create lib
    check "$kind: all guests run" all_run
    check "$kind: the engines' processes have another user" engines_are_apart 2
    check "$kind: no other user reaches the store or a socket" exposes_nothing
}

make_key() { # FILE
    openssl genpkey -algorithm ed25519 -out "$1" && openssl pkey -in "$1" -pubout -out "$1.public"
}

# Encrypted to the operator's passphrase.
make_recovery_key() { # FILE
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -aes-256-cbc -pass "file:$work/passphrase" -out "$1" &&
        openssl pkey -in "$1" -passin "file:$work/passphrase" -pubout -out "$1.public"
}

# The command must exit with this status, and say something that matches.
exits() { # CHECK STATUS PATTERN COMMAND...
    local name=$1 status=$2 pattern=$3 got
    shift 3
    "$@" >"$work/output" 2>&1 </dev/null
    got=$?
    echo "exit $got" >>"$work/output"
    if [ $got -eq "$status" ] && grep -qE -- "$pattern" "$work/output"; then ok "$name"; else fail "$name"; fi
}

json() { # PATH CONDITION
    ask "$1" | tee "$work/json" && jq -e "$2" "$work/json"
}

# Every line of the text format 0.0.4 is a comment or a sample.
prometheus() {
    ask /metrics >"$work/metrics" && cat "$work/metrics" && grep -q '^vtpm_' "$work/metrics" &&
        ! grep -vE '^(# (HELP|TYPE) .*|[a-z_]+(\{[^}]*\})? [0-9.e+-]+)?$' "$work/metrics"
}

engines_are_apart() { # COUNT
    engines
    [ "$(engines | awk '$2 == "nobody"' | wc -l)" -eq "$1" ] && [ "$(engines | wc -l)" -eq "$1" ]
}

exposes_nothing() {
    local path there=$work/$host
    for path in "$there"/state "$there"/state/{store.sqlite,anchor.material} "$there"/run/{manager,guests/*}.sock; do
        [ $((0$(stat -c %a "$path") & 077)) -eq 0 ] || { stat -c '%a %n' "$path"; return 1; }
    done
}

# -- The guests use their TPMs ------------------------------------------------------------------------------------

use_guests() {
    echo "== $kind: the guests use their TPMs"
    must "$kind: tpm-tools make an owner, a key and an NV area" tools_owns
    must "$kind: the library makes owners, keys, NV areas and counters" library_owns
    must "$kind: the guest under QEMU makes them, and was measured" machine_owns
}

all_whole() { # WHEN
    check "$kind: $1: what tpm-tools made is there" tools_is_whole
    check "$kind: $1: what the library made is there" library_is_whole
    check "$kind: $1: what the guest under QEMU made is there" machine_is_whole
}

stop_and_start() {
    echo "== $kind: the manager stops and starts"
    check "$kind: it stops cleanly" stop_manager
    check "$kind: no engine outlives it" wait_until 5 no_engine
    must "$kind: it starts" start_manager
    check "$kind: all guests run" all_run
    all_whole "after a clean stop"
    check "$kind: a guest is suspended" verb guest suspend lib
    check "$kind: a suspended guest has no socket" json /v1/guests/lib '.state == "suspended" and .socket == null'
    check "$kind: the manager starts anew" restart_manager
    check "$kind: the guest is suspended still" json /v1/guests/lib '.state == "suspended"'
    check "$kind: it is resumed" verb guest resume lib
    check "$kind: what the library made is there" library_is_whole
}

no_engine() { ! pgrep -u nobody -f "$work/vtpm"; }

# A raw guest is not started again by itself: its machine would go on with PCRs that begin anew.
lose_engines() {
    echo "== $kind: engines die"
    check "$kind: their processes are killed" eval 'engines | awk "{ print \$1 }" | xargs kill -9'
    check "$kind: that of the guest for QEMU is started again" wait_until 10 engines_are_apart 1
    check "$kind: it runs" json /v1/guests/board '.state == "running"'
    check "$kind: the raw guest is held, and the reason said" wait_until 10 guest_is_held apart "engine"
    check "$kind: status says so" complains "apart"
    check "$kind: the others go on" eval '"$vtpm" pcrs --tpm "unix:$(socket_of lib)"'
    check "$kind: it is started by hand" verb guest start apart
    check "$kind: both have engines" engines_are_apart 2
    check "$kind: the manager is healthy" is_healthy
    check "$kind: nothing is lost" library_is_whole
    check "$kind: the guests write" library_writes
}

# -- Quotes -------------------------------------------------------------------------------------------------------

quote_deeply() {
    echo "== $kind: a challenger asks for a quote of guest and host"
    local nonce uuid group=default
    nonce=$(openssl rand -hex 20)
    uuid=$(ask /v1/guests/lib | jq -r .id)
    must "$kind: the quote is made" verb guest quote lib --deep --nonce "$nonce" --out "$work/quote"
    must "$kind: the hardware's key" eval 'verb manager quoting-key >"$work/hardware.pem"'
    must "$kind: the guest's key" eval 'verb guest quoting-key lib >"$work/guest.pem"'
    local keys=(--hardware-key "$work/hardware.pem" --guest-key "$work/guest.pem")
    check "$kind: it is verified" verb verify-quote "$work/quote" --nonce "$nonce" "${keys[@]}" --uuid "$uuid" --group $group
    exits "$kind: not with another nonce" 1 "nonce|flaw" verb verify-quote "$work/quote" \
        --nonce "$(openssl rand -hex 20)" "${keys[@]}"
    exits "$kind: not for another guest" 1 "" verb verify-quote "$work/quote" --nonce "$nonce" "${keys[@]}" \
        --uuid "$(ask /v1/guests/apart | jq -r .id)"
    exits "$kind: not for another group" 1 "" verb verify-quote "$work/quote" --nonce "$nonce" "${keys[@]}" --group free
    jq ".guest = \"$(ask /v1/guests/apart | jq -r .id)\"" "$work/quote" >"$work/altered"
    exits "$kind: not with another UUID in it" 1 "" verb verify-quote "$work/altered" --nonce "$nonce" "${keys[@]}"
    jq ".group = \"$(ask /v1/groups/free | jq -r .id)\"" "$work/quote" >"$work/altered"
    exits "$kind: not with another group in it" 1 "" verb verify-quote "$work/altered" --nonce "$nonce" "${keys[@]}"
    exits "$kind: not with another hardware's key" 1 "" verb verify-quote "$work/quote" --nonce "$nonce" \
        --hardware-key "$work/guest.pem"
    local quote offset
    for quote in guestQuote hardwareQuote; do
        # Somewhere in what was signed, the signature, the key, the values of the PCRs.
        for offset in 40 100 300 500 700; do
            alter_base64 "$work/quote" .$quote $offset >"$work/altered"
            exits "$kind: not with byte $offset of the $quote changed" 1 "" verb verify-quote "$work/altered" \
                --nonce "$nonce" "${keys[@]}"
        done
    done
}

# A file of JSON with one bit changed in a value of base64.
alter_base64() { # FILE VALUE OFFSET
    local bytes
    bytes=$(jq -r "$2" "$1" | base64 -d | od -An -v -tx1 | tr -d ' \n')
    local byte=${bytes:$(($3 * 2)):2}
    bytes=${bytes:0:$(($3 * 2))}$(printf %02x $((0x$byte ^ 1)))${bytes:$(($3 * 2 + 2))}
    jq --arg value "$(printf '%b' "$(sed 's/../\\x&/g' <<<"$bytes")" | base64 -w 0)" "$2 = \$value" "$1"
}

# -- Configurations -----------------------------------------------------------------------------------------------

boot_something_else() {
    echo "== $kind: the host boots something else"
    check "$kind: PCR 7 changes" boots "$chip" 7 "somebody's kernel"
    must "$kind: the manager starts anew" restart_manager
    check "$kind: status says which PCR differs" complains 'PCR 7\b'
    local guest
    for guest in tools machine lib apart; do
        check "$kind: $guest is held, and the reason said" guest_is_held $guest 'PCR 7\b'
    done
    check "$kind: the list of guests shows it" eval 'verb guest list | grep -E "lib .*failed"'
    check "$kind: so do the events" eval 'verb guest events lib | grep -E "PCR 7\b"'
    exits "$kind: the guest cannot be started by hand" 1 'PCR 7\b' verb guest start lib
    check "$kind: the guest of the other group runs" json /v1/guests/other '.state == "running"'
    check "$kind: it is stopped and started" eval 'verb guest stop other && verb guest start other'
    check "$kind: its PCR 7 starts from the host's" pcr_is_linked 7
    exits "$kind: no guest is made in the closed group" 1 "" verb guest create none
    must "$kind: the host boots what it did" reboot_chip "$chip"
    must "$kind: the manager starts anew" restart_manager
    check "$kind: all guests run" all_run
    check "$kind: the manager is healthy" is_healthy
    check "$kind: what the library made is there" library_is_whole
}

# A value that is longer than a guest's PCR is hashed.
pcr_is_linked() { # PCR
    local value there
    value=$(ask "/v1/pcrs?select=$1" | jq -r ".pcrs[\"$1\"]")
    [ ${#value} -eq 40 ] || value=$(printf '%b' "$(sed 's/../\\x&/g' <<<"$value")" | sha1sum | cut -c 1-40)
    there=$("$vtpm" pcrs --tpm "unix:$(socket_of other)" | sed -n "s/^PCR-0$1: //p" | tr -d ' ' | tr A-F a-f)
    echo "the host's: $value, the guest's: $there"
    [ "$value" = "$there" ]
}

approve_what_boots() {
    local key=$work/$host-approval update
    update=$(digest_of "$chip" "the update")
    echo "== $kind: an update is approved before it boots"
    ask /v1/groups/default/approval >"$work/list-before"
    exits "$kind: another key approves nothing" 1 "" eval \
        'make_key "$work/stranger" && verb manager approve --sign-with "$work/stranger" --extend "7='"$update"'"'
    check "$kind: the update is approved" verb manager approve --sign-with "$key" --name update --extend "7=$update"
    check "$kind: the group shows it" json /v1/groups/default '.configurations | index("update")'
    sign_list "$work/list-before" "$key"
    exits "$kind: a list from before is refused" 1 "" verb manager approve "$work/list-before" "$work/list-before.sig"
    ask /v1/groups/default/approval | jq '.sequence += 1' >"$work/list"
    sign_list "$work/list" "$work/stranger"
    exits "$kind: a list with a stranger's signature is refused" 1 "" verb manager approve "$work/list" "$work/list.sig"
    sign_list "$work/list" "$key"
    jq '.sequence += 1' "$work/list" >"$work/altered"
    exits "$kind: a list that was altered is refused" 1 "" verb manager approve "$work/altered" "$work/list.sig"
    jq ".group = \"$(ask /v1/groups/free | jq -r .id)\"" "$work/list" >"$work/other-list"
    sign_list "$work/other-list" "$key"
    exits "$kind: another group's list is refused" 1 "" verb manager approve "$work/other-list" "$work/other-list.sig"
    check "$kind: a list that was signed elsewhere is taken" verb manager approve "$work/list" "$work/list.sig"
    exits "$kind: but once" 1 "" verb manager approve "$work/list" "$work/list.sig"
    check "$kind: the update boots" boots "$chip" 7 "the update"
    must "$kind: the manager starts anew" restart_manager
    check "$kind: all guests run" all_run
    check "$kind: the manager is healthy" is_healthy
    check "$kind: what the library made is there" library_is_whole
    must "$kind: the host boots what it did before" reboot_chip "$chip"
    must "$kind: the manager starts anew" restart_manager
    check "$kind: all guests run with that, too" all_run
    check "$kind: what booted is approved alone" verb manager approve --sign-with "$key" --name now --only
    check "$kind: the group shows it" json /v1/groups/default '.configurations == ["now"]'
    check "$kind: what is not approved any more boots" boots "$chip" 7 "the update"
    must "$kind: the manager starts anew" restart_manager
    check "$kind: lib is held" guest_is_held lib 'PCR 7\b'
    must "$kind: the host boots what it did before" reboot_chip "$chip"
    check "$kind: all guests run when the manager sees it" wait_until 30 all_run
}

sign_list() { # FILE KEY
    openssl pkeyutl -sign -rawin -inkey "$2" -in "$1" -out "$1.sig"
}

# -- The store ----------------------------------------------------------------------------------------------------

put_the_store_back() {
    echo "== $kind: the store is put back"
    local state=$work/$host/state
    check "$kind: the manager stops" stop_manager
    cp -a "$state" "$work/$host/copy"
    must "$kind: the manager starts" start_manager
    check "$kind: the guests write" library_writes
    check "$kind: the manager stops" stop_manager
    mv "$state" "$work/$host/newest" && cp -a "$work/$host/copy" "$state"
    check "$kind: the older copy is refused by name" manager_refuses "old copy: it ends at commit [0-9]+, .* commit [0-9]+"
    check "$kind: refusing changes nothing" diff -r "$work/$host/copy" "$state"
    rm -rf "$state" && mv "$work/$host/newest" "$state"
    must "$kind: with the newest store it starts" start_manager
    check "$kind: all guests run" all_run
    check "$kind: what the library made is there" library_is_whole
    rm -rf "$work/$host/copy"
}

# -- The hardware -------------------------------------------------------------------------------------------------

lose_the_chip() {
    echo "== $kind: the hardware TPM does not answer"
    power_off "$chip"
    check "$kind: the guests write without it" library_writes
    check "$kind: status says that it is gone" wait_until 30 complains "cannot be reached"
    check "$kind: they write still" library_writes
    exits "$kind: a quote fails with the reason" 1 "reached" verb guest quote lib --deep --nonce "$(openssl rand -hex 20)" \
        --out "$work/none"
    must "$kind: it is back" power_on "$chip"
    check "$kind: the manager is healthy by itself" wait_until 30 is_healthy
    check "$kind: a checkpoint was written" json /v1/status '.isCheckpointDue == false or .lastCheckpoint != null'
}

lock_the_chip() {
    echo "== $kind: the hardware TPM is locked"
    check "$kind: wrong owners are tried until it is locked for some time" locks 4
    check "$kind: the guests write without it" library_writes
    check "$kind: status says that it is locked" wait_until 30 complains "locked"
    check "$kind: the owner resets the lock" verb reset-lock --owner-auth-file "$work/owner" --tpm "unix:$work/$chip/tpm"
    check "$kind: the manager is healthy by itself" wait_until 30 is_healthy
}

# The TPM is locked for longer after each wrong owner that it does not refuse to hear: until a lock holds so many seconds.
locks() { # SECONDS
    local since=$SECONDS end=$((SECONDS + 60)) output
    while [ $SECONDS -lt $end ]; do
        output=$("$vtpm" clear --owner-auth-file "$work/wrong" --tpm "unix:$work/$chip/tpm" 2>&1)
        if ! grep -q TPM_DEFEND_LOCK_RUNNING <<<"$output"; then
            echo "$output"
            since=$SECONDS
        elif [ $((SECONDS - since)) -ge "$1" ]; then
            return
        else
            sleep 0.1
        fi
    done
    return 1
}

move_to_another_chip() {
    echo "== $kind: the disk is carried to another host"
    local old=$host next=$kind-next next_chip=$kind-next-chip recovery=$work/$host-recovery.pem
    check "$kind: the manager stops" stop_manager
    must "$kind: another hardware TPM starts" new_chip "$next_chip" "$kind"
    must "$kind: another host has it" new_host "$next" "$(address_of "$next_chip")"
    # The remembered numbers are those of the guests, wherever they run.
    cp -a "$work/$old/state" "$work/$next/state"
    cp -a "$work/kept/$old" "$work/kept/$next"
    cp "$work/$old/sealed" "$work/$old/user.data" "$work/$next" 2>/dev/null
    cp -a "$work/$old/tcsd" "$work/$next/tcsd"
    host=$next
    local config=$work/$host/manager.toml
    check "$kind: the other hardware opens nothing" manager_refuses "recover|other|another"
    # shellcheck disable=SC2046
    exits "$kind: a wrong passphrase recovers nothing" 1 "passphrase" verb manager recover --config "$config" \
        --recovery-key "$recovery" --recovery-passphrase-file "$work/wrong" $(owner_of "$next_chip")
    make_recovery_key "$work/other-recovery.pem" 2>/dev/null
    # shellcheck disable=SC2046
    exits "$kind: nor does another recovery key" 1 "key" verb manager recover --config "$config" \
        --recovery-key "$work/other-recovery.pem" --recovery-passphrase-file "$work/passphrase" $(owner_of "$next_chip")
    # shellcheck disable=SC2046
    must "$kind: the recovery key brings it back" verb manager recover --config "$config" \
        --recovery-key "$recovery" --recovery-passphrase-file "$work/passphrase" $(owner_of "$next_chip")
    must "$kind: the manager starts" start_manager
    check "$kind: all guests run" all_run
    check "$kind: the manager is healthy" is_healthy
    check "$kind: the events show the recovery" eval 'verb guest events lib | grep -i recover'
    all_whole "recovered"
    check "$kind: the guests write" library_writes
    must "$kind: it starts anew without the recovery key" restart_manager
    check "$kind: all guests run" all_run
    check "$kind: what the library made is there" library_is_whole
    check "$kind: a guest is destroyed" eval 'verb guest stop other && verb guest destroy other --yes'
    exits "$kind: it is gone" 1 "other" verb guest show other
    check "$kind: the manager stops" stop_manager
    power_off "$next_chip"
}
