# shellcheck shell=bash
# The domains of xen.sh: what dom0 does with them, and what they do with their TPMs.
#
# Needs what xen-machine.sh and qemu-commands.sh need.
# shellcheck disable=SC2154

declare -A uuid=([one]=11111111-2222-3333-4444-aaaaaaaaaaaa [two]=22222222-3333-4444-5555-bbbbbbbbbbbb
    [three]=33333333-4444-5555-6666-cccccccccccc)
domain_memory=208
parameters="console=hvc0 loglevel=3 channel=hvc0 rootfstype=ramfs mitigations=off"

# -- dom0 ---------------------------------------------------------------------------------------------------------

# Writes the manager's configuration.
configure() { # LINE...: of its part for Xen
    local line lines=
    for line in '[checkpoint]' 'interval = 5' '[keys]' 'pool = 2' '[xen]' 'enabled = true' "$@"; do lines+="$line\\n"; done
    guest xen "printf '$lines' >/etc/vtpm/manager.toml"
}

# Starts the manager, whose log stands on dom0's console.
start_manager() {
    guest xen start_manager
}

# The manager has made keys ahead, for xl waits ten seconds for a TPM, and an emulated processor makes a key in as many.
has_keys() {
    wait_until 180 shows '^ready keys: +2$' xen 'vtpm manager status'
}

stop_manager() {
    guest xen 'kill -TERM $manager; wait $manager'
}

kill_manager() {
    guest xen 'kill -9 $manager; wait $manager; [ $? -eq 137 ]'
}

# What the manager says of a guest.
state_is() { # DOMAIN STATE
    shows "^state:? +$2\$" xen "vtpm guest show $1"
}

# Something stands among the events of a guest.
event_says() { # DOMAIN PATTERN
    shows "$2" xen "vtpm guest events $1"
}

# Something stands in the manager's log.
log_says() { # PATTERN
    wait_until 5 grep -aE "$1" "$work/xen.console"
}

# Writes the configuration of a domain.
describe() { # DOMAIN
    guest xen "printf '%s\n' 'name = \"$1\"' 'type = \"pv\"' 'memory = $domain_memory' 'kernel = \"/boot/vmlinux\"' \
'ramdisk = \"/boot/ramdisk\"' 'extra = \"$parameters\"' 'vtpm = [\"backend=0,uuid=${uuid[$1]}\"]' >$1.cfg"
}

xl() { # VERB...
    # Its progress ends without a newline.
    guest xen "xl $* 2>xl.log; status=\$?; tr '\r' '\n' <xl.log; echo; [ \$status -eq 0 ]" 120
}

creates_both() {
    describe one && describe two && xl create one.cfg && xl create two.cfg
}

# -- The TPM of a domain ------------------------------------------------------------------------------------------

finds_its_tpm() { # DOMAIN
    guest "$1" 'ls -l /dev/tpm0 /sys/bus/xen/drivers/vtpm/vtpm-0' &&
        shows '^TCG version: 1\.2$' "$1" 'cat /sys/class/tpm/tpm0/caps' &&
        guest "$1" 'cat /sys/class/tpm/tpm0/pcrs' | tee "$work/$1.pcrs" &&
        [ "$(grep -c '^PCR-[0-9][0-9]:\( [0-9A-F][0-9A-F]\)\{20\} *$' "$work/$1.pcrs")" -eq 24 ]
}

# The value of a PCR that sysfs showed.
pcr() { # FILE NUMBER
    sed -n "s/^PCR-$2: //p" "$1" | tr -d ' ' | tr A-F a-f
}

# What a PCR is when digests were extended into it since the start.
extended() { # DIGEST...
    local value=$well_known digest
    for digest in "$@"; do value=$(sha1 "$value$digest"); done
    echo "$value"
}

sum_of() { # FILE
    sha1sum "$1" | cut -c 1-40
}

boot_is_measured() { # DOMAIN
    local four five
    four=$(extended "$(sum_of "$domain_kernel")" "$(sum_of "$ramdisk")")
    five=$(extended "$(sum_of <(printf %s "$parameters"))")
    echo "PCR 4 should be $four, PCR 5 $five:"
    cat "$work/$1.pcrs"
    [ "$(pcr "$work/$1.pcrs" 04)" = "$four" ] && [ "$(pcr "$work/$1.pcrs" 05)" = "$five" ] &&
        [ "$(pcr "$work/$1.pcrs" 08)" = "$well_known" ]
}

has_endorsement_key() { # DOMAIN
    guest "$1" 'cat /sys/class/tpm/tpm0/pubek' | tee "$work/$1.pubek"
    # 256 bytes of two digits and a blank, and words.
    [ "$(wc -c <"$work/$1.pubek")" -gt 768 ]
}

becomes_owner() { # DOMAIN
    guest "$1" "echo the owner of $1 >owner; vtpm take-ownership --owner-auth-file owner"
}

has_owner() { # DOMAIN
    guest "$1" "echo the owner of $1 >owner; vtpm reset-lock --owner-auth-file owner"
}

seals() { # DOMAIN
    guest "$1" "printf %s 'the secret of $1' >secret; vtpm seal --pcr 0 1 2 3 4 5 6 7 8 --in secret --out sealed" &&
        guest "$1" 'base64 sealed | tr -d "\n"; echo' | tee "$work/$1.sealed" && [ "$(wc -c <"$work/$1.sealed")" -gt 300 ]
}

# Gives a domain what one sealed: domains forget their files.
brings() { # DOMAIN WHOSE
    guest "$1" "echo $(cat "$work/$2.sealed") | base64 -d >sealed"
}

unseals() { # DOMAIN
    brings "$1" "$1" && shows "^the secret of $1\$" "$1" 'vtpm unseal --in sealed --out -; echo'
}

is_refused() { # DOMAIN
    brings "$1" "$1" && fails TPM_WRONGPCRVAL "$1" 'vtpm unseal --in sealed --out unsealed'
}

extends_and_is_refused() { # DOMAIN
    guest "$1" "vtpm extend 8 --digest $(sha1 "")" && is_refused "$1"
}

refuses_the_other() { # DOMAIN
    local other=one
    [ "$1" = two ] || other=two
    guest "$1" "echo the owner of $other >wrong" && fails TPM_AUTHFAIL "$1" 'vtpm reset-lock --owner-auth-file wrong' &&
        brings "$1" $other && fails TPM_ "$1" 'vtpm unseal --in sealed --out unsealed'
}

after_reboot() { # DOMAIN: PCR 8 was extended before it
    guest "$1" 'cat /sys/class/tpm/tpm0/pcrs' | diff "$work/$1.pcrs" -
}

# Waits for the driver to find the TPM, at another name after each restore, and tells the client.
finds_device() { # DOMAIN DEVICE
    guest "$1" "until [ -e $2 ]; do sleep 0.1; done; export VTPM_TPM=$2"
}

# Reads the PCRs now, to compare.
reads_pcrs() { # DOMAIN
    guest "$1" 'vtpm pcrs >pcrs.now'
}

# Reads them in the background: to pcrs.late, when there is an answer.
asks() { # DOMAIN
    guest "$1" 'vtpm pcrs >pcrs.late & late=$!; sleep 1; [ -e /proc/$late ] && [ ! -s pcrs.late ]'
}

was_answered() { # DOMAIN
    guest "$1" 'wait $late && cmp pcrs.now pcrs.late'
}

# It is paused while the manager has a command of it, which is answered before it goes on.
paused_with_a_command() { # DOMAIN
    reads_pcrs "$1" && guest xen 'kill -STOP $manager' && asks "$1" && xl pause "$1" &&
        guest xen 'kill -CONT $manager; sleep 2' && xl unpause "$1" && was_answered "$1"
}

has_no_boot() { # DOMAIN: PCR 0 to 15 tell that the volatile state was lost
    local lost number
    lost=$(extended "$(sum_of <(printf %s 'vtpm: volatile state was lost'))")
    guest "$1" 'cat /sys/class/tpm/tpm*/pcrs' | tee "$work/$1.lost"
    for number in $(seq -w 0 15); do [ "$(pcr "$work/$1.lost" "$number")" = "$lost" ] || return 1; done
}

key_is_gone() { # DOMAIN
    # TPM_INVALID_KEYHANDLE
    ! sign "$1" "$handle" 2>"$work/$1.refusal" && grep 00c40000000a0000000c "$work/$1.refusal"
}

driver_returns() { # DOMAIN
    guest "$1" "vtpm extend 16 --digest $(sha1 "") && vtpm pcrs >pcrs.now" &&
        guest "$1" 'echo vtpm-0 >/sys/bus/xen/drivers/vtpm/unbind && rmmod xen-tpmfront && [ ! -e /dev/tpm0 ]' &&
        guest "$1" 'insmod /lib/modules/xen-tpmfront.ko && vtpm pcrs | cmp - pcrs.now'
}

begins_anew() { # DOMAIN
    finds_its_tpm "$1" && boot_is_measured "$1"
}

# xl gives up after ten seconds; meanwhile the xenstore has the reason.
is_refused_a_tpm() { # DOMAIN
    guest xen "create_in_vain $1" | tee "$work/$1.refusal" &&
        grep -q "unable to add vtpm devices" "$work/$1.refusal" &&
        grep -q "No guest has the UUID ${uuid[$1]}" "$work/$1.refusal"
}
