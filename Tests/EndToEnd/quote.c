/*
 * Verifies what tpm-quote-tools took from a TPM, with OpenSSL's libcrypto and no TSS.
 *
 *   quote PUBKEY HASH NONCE QUOTE VALUES
 *
 *   PUBKEY  of tpm_mkaik: a TPM_PUBKEY of 284 bytes behind a head of DER
 *   HASH    of tpm_getpcrhash: a TPM_QUOTE_INFO2 with a nonce that does not count
 *   NONCE   20 bytes
 *   QUOTE   of tpm_getquote: the signature
 *   VALUES  of tpm_getpcrhash: a line INDEX=HEX a register
 *
 * Exit status 0 when QUOTE is the key's signature over HASH with NONCE in it, and HASH covers the registers and values
 * of VALUES and no others; 1 after a line that says what is not so.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A TPM_QUOTE_INFO2: tag, "QUT2", the nonce, a TPM_PCR_INFO_SHORT with a selection of 3 bytes. */
enum {
    NONCE = 6, SELECTION = 26, LOCALITY = 31, COMPOSITE = 32, INFO = 52,
    PUBKEY = 284, MODULUS = 256, REGISTERS = 24
};

#define EXPECT(condition, what)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "not so: %s\n", what);                                                                     \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static size_t read_file(const char *path, unsigned char *bytes, size_t room) {
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL, path);
    size_t count = fread(bytes, 1, room, file);
    fclose(file);
    return count;
}

static EVP_PKEY *public_key(const char *path) {
    unsigned char der[512];
    size_t count = read_file(path, der, sizeof der);
    const unsigned char parms[] = {0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0, 12, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0};
    EXPECT(count > PUBKEY && memcmp(der + count - PUBKEY, parms, sizeof parms) == 0, "an identity key of 2048 bits");
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(der + count - MODULUS, MODULUS, NULL), *exponent = BN_new();
    EXPECT(builder && modulus && exponent && BN_set_word(exponent, 65537), "memory");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    EXPECT(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus)
               && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent)
               && EVP_PKEY_fromdata_init(context) == 1
               && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, OSSL_PARAM_BLD_to_param(builder)) == 1,
           "an RSA key");
    return key;
}

static int is_signed(EVP_PKEY *key, const unsigned char info[INFO], const unsigned char *signature, size_t size) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int result = EVP_DigestVerifyInit(context, NULL, EVP_sha1(), NULL, key) == 1
        && EVP_DigestVerify(context, signature, size, info, INFO) == 1;
    EVP_MD_CTX_free(context);
    return result;
}

/* The TPM_PCR_COMPOSITE of the file's registers: selection, size of the values, the values. */
static void check_values(const char *path, const unsigned char info[INFO]) {
    unsigned char composite[2 + 3 + 4 + REGISTERS * SHA_DIGEST_LENGTH] = {0, 3}, digest[SHA_DIGEST_LENGTH];
    size_t size = 9;
    unsigned index;
    char hex[2 * SHA_DIGEST_LENGTH + 1];
    FILE *file = fopen(path, "r");
    EXPECT(file != NULL, path);
    while (fscanf(file, "%u=%40s", &index, hex) == 2) {
        EXPECT(index < REGISTERS && strlen(hex) == 40 && size + SHA_DIGEST_LENGTH <= sizeof composite, "a register");
        composite[2 + index / 8] |= (unsigned char)(1 << index % 8);
        for (int byte = 0; byte < SHA_DIGEST_LENGTH; byte++, size++) {
            unsigned value;
            EXPECT(sscanf(hex + 2 * byte, "%2x", &value) == 1, "a value in hexadecimal");
            composite[size] = (unsigned char)value;
        }
    }
    fclose(file);
    composite[7] = (unsigned char)((size - 9) >> 8);
    composite[8] = (unsigned char)(size - 9);
    EXPECT(memcmp(info + SELECTION, composite, 5) == 0, "the same registers are quoted");
    SHA1(composite, size, digest);
    EXPECT(memcmp(info + COMPOSITE, digest, sizeof digest) == 0, "the values are those that are quoted");
}

int main(int count, char **words) {
    unsigned char info[INFO + 1], nonce[SHA_DIGEST_LENGTH + 1], signature[MODULUS + 1];
    if (count != 6) {
        fprintf(stderr, "usage: quote PUBKEY HASH NONCE QUOTE VALUES\n");
        return 2;
    }
    EVP_PKEY *key = public_key(words[1]);
    EXPECT(read_file(words[2], info, sizeof info) == INFO && memcmp(info, "\0\x36QUT2", 6) == 0, "a TPM_QUOTE_INFO2");
    EXPECT(info[LOCALITY] == 1, "quoted at locality 0");
    EXPECT(read_file(words[3], nonce, sizeof nonce) == SHA_DIGEST_LENGTH, "a nonce of 20 bytes");
    EXPECT(read_file(words[4], signature, sizeof signature) == MODULUS, "a signature of 256 bytes");
    check_values(words[5], info);
    memcpy(info + NONCE, nonce, SHA_DIGEST_LENGTH);
    EXPECT(is_signed(key, info, signature, MODULUS), "the signature is the key's, over the values and the nonce");
    info[NONCE] ^= 1;
    EXPECT(!is_signed(key, info, signature, MODULUS), "another nonce is refused");
    return 0;
}
