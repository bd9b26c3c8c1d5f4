# shellcheck shell=bash
# TPM 1.2 commands for qemu.sh and xen.sh that the client has no verb for, made here and sent by the guest with
# `vtpm send`: a key that is loaded, a session that stays open, a saved context. Bytes are strings of hexadecimal digits.
# (Part 3 of the TPM Main Specification; the HMACs are those of Part 1, 8.4.)

srk=40000000
well_known=0000000000000000000000000000000000000000

sha1() { # HEX
    local sum
    sum=$(printf '%b' "$(sed 's/../\\x&/g' <<<"$1")" | sha1sum)
    echo "${sum:0:40}"
}

hmac() { # KEY-OF-20-BYTES HEX
    local inner="" outer="" byte index
    for ((index = 0; index < 64; index++)); do
        byte=0x${1:index*2:2}
        [ "$index" -lt 20 ] || byte=0
        inner+=$(printf %02x $((byte ^ 0x36)))
        outer+=$(printf %02x $((byte ^ 0x5c)))
    done
    sha1 "$outer$(sha1 "$inner$2")"
}

xor() { # HEX HEX, of the same length
    local index
    for ((index = 0; index < ${#1}; index += 2)); do printf %02x $((0x${1:index:2} ^ 0x${2:index:2})); done
}

word() { printf %08x "$1"; }

nonce() { od -An -v -tx1 -N 20 /dev/urandom | tr -d ' \n'; }

# Sends a command without authorization; leaves what follows the return code in $answer. Fails when that is not 0.
plain() { # MACHINE ORDINAL PARAMETERS
    send "$1" 00c1 "$2" "$3"
}

send() { # MACHINE TAG ORDINAL REST
    local output
    output=$(guest "$1" "vtpm send --hex $2$(word $((10 + ${#4} / 2)))$3$4")
    [ "${output:12:8}" = 00000000 ] || { echo "ordinal $3: $output" >&2; return 1; }
    answer=${output:20}
}

# Sends a command under the session, with the secret that it proves, and takes over the session's next nonce. The
# handles do not enter the HMAC.
authorized() { # MACHINE ORDINAL HANDLES PARAMETERS SECRET
    local odd digest
    odd=$(nonce)
    digest=$(sha1 "$2$4")
    send "$1" 00c2 "$2" "$3$4$session${odd}01$(hmac "$5" "$digest$even${odd}01")" || return
    # The answer ends with nonceEven, continueAuthSession and the HMAC.
    even=${answer: -82:40}
}

# Opens an authorization session with nothing in mind: sets $session and $even, its nonce.
open_session() { # MACHINE
    plain "$1" 0000000a "" || return
    session=${answer:0:8} even=${answer:8:40}
}

# Makes a signing key of 2048 bits that needs no secret, under the storage root key with the well-known one. Sets $key.
create_signing_key() { # MACHINE
    local odd shared secret parameters template
    odd=$(nonce)
    plain "$1" 0000000b "0004$srk$odd" || return
    session=${answer:0:8} even=${answer:8:40}
    shared=$(hmac $well_known "${answer:48:40}$odd")
    secret=$(xor $well_known "$(sha1 "$shared$even")")
    # TPM_RSA_KEY_PARMS: 2048 bits, 2 primes, the usual exponent.
    parameters=$(word 2048)$(word 2)$(word 0)
    # TPM_KEY, version 1.1: TPM_KEY_SIGNING without flags, TPM_AUTH_NEVER; TPM_ALG_RSA, TPM_ES_NONE,
    # TPM_SS_RSASSAPKCS1v15_SHA1 and these parameters; no PCRs, and no key yet.
    template=01010000$(printf %s 0010 "$(word 0)" 00 "$(word 1)" 0001 0002)$(word 12)$parameters$(printf %024d 0)
    # The key is never migrated, so its second secret matters to nobody.
    authorized "$1" 0000001f $srk "$secret$secret$template" "$shared" || return
    # A session that brought a new secret ends with that.
    key=${answer:0: -82}
}

# Loads $key under the open session; sets $handle.
load_key() { # MACHINE
    authorized "$1" 00000041 $srk "$key" $well_known || return
    handle=${answer:0:8}
    [ "${answer: -42:2}" = 01 ] || { echo "TPM_LoadKey2 ended its session" >&2; return 1; }
}

# Signs 20 bytes with the loaded key; the signature, which has nothing random in it, is $answer.
sign() { # MACHINE HANDLE
    plain "$1" 0000003c "$2$(word 20)$(sha1 "")"
}

# Saves the context of the loaded key; sets $context.
save_context() { # MACHINE HANDLE
    plain "$1" 000000b8 "$2$(word 1)$(printf '%032d' 0)" || return
    context=${answer:8}
}

# Loads $context as another handle; sets $handle.
load_context() { # MACHINE
    plain "$1" 000000b9 "$(word 0)00$(word $((${#context} / 2)))$context" || return
    handle=${answer:0:8}
}

# -- What is volatile in a TPM, and is there or not after something happened to the machine --------------------------

# A loaded key, a saved context of it, an open session that was used, a PCR; what they are is known from then on.
prepares() { # MACHINE
    create_signing_key "$1" && open_session "$1" && load_key "$1" && sign "$1" "$handle" || return
    signature=$answer
    save_context "$1" "$handle" && guest "$1" "vtpm extend 16 --digest $(sha1 "")" && guest "$1" 'vtpm pcrs' >"$work/pcrs"
}

same_pcrs() { # MACHINE
    guest "$1" 'vtpm pcrs' | diff "$work/pcrs" -
}

signs() { # MACHINE HANDLE
    sign "$1" "$2" && [ "$answer" = "$signature" ]
}

signs_from_context() { # MACHINE
    local handle
    load_context "$1" && signs "$1" "$handle" && plain "$1" 000000ba "$handle$(word 1)"
}

session_goes_on() { # MACHINE: the key is loaded once more under the session of before
    local handle
    load_key "$1" && signs "$1" "$handle" && plain "$1" 000000ba "$handle$(word 1)"
}

unchanged() { # MACHINE WORDS
    check "$2: the PCRs are as before" same_pcrs "$1"
    check "$2: the loaded key signs by its handle" signs "$1" "$handle"
    check "$2: the saved context is loaded" signs_from_context "$1"
    check "$2: the open session goes on" session_goes_on "$1"
}
