/*
 * What tpm-tools has no command for, through TrouSerS' TSP (libtspi) and the tcsd that TSS_TCSD_PORT names.
 *
 *   tspi create FILE        create a 2048-bit signing key under the SRK, write its wrapped blob to FILE
 *   tspi sign FILE          load that key, sign a SHA-1 hash, verify the signature, and see a changed hash refused
 *   tspi quote FILE PCR     quote one PCR with that key, verify the signature and that it covers the PCR's value
 *   tspi bind               bind data to a key that may not leave the TPM, and unbind it
 *   tspi extend PCR         extend the PCR; its value changes
 *   tspi seal FILE PCR      seal 20 bytes to the PCR's present value, write the sealed blob to FILE
 *   tspi unseal FILE        unseal it and compare
 *   tspi random             take 128 bytes twice; they differ
 *
 * The SRK's secret is the well-known one, as are the keys'. Exit status 0, or 1 after a line that says what failed and
 * with which TSS result.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trousers/tss.h>
#include <trousers/trousers.h>

enum { BLOB = 4096, DIGEST = 20, SIGNING_KEY = TSS_KEY_SIZE_2048 | TSS_KEY_TYPE_SIGNING };

static TSS_HCONTEXT context;
static TSS_HTPM tpm;
static TSS_HKEY srk;

static void fail(const char *what, TSS_RESULT result) {
    fprintf(stderr, "%s: 0x%08x %s, %s\n", what, result, Trspi_Error_Layer(result), Trspi_Error_String(result));
    exit(1);
}

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        TSS_RESULT result_ = (call);                                                                                   \
        if (result_ != TSS_SUCCESS) fail(#call, result_);                                                              \
    } while (0)

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "not so: %s\n", #condition);                                                               \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static BYTE well_known[] = TSS_WELL_KNOWN_SECRET;
static BYTE message[DIGEST] = "twenty bytes to sign";

static TSS_HPOLICY well_known_policy(TSS_FLAG kind) {
    TSS_HPOLICY policy;
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_POLICY, kind, &policy));
    MUST(Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof well_known, well_known));
    return policy;
}

static void open_srk(void) {
    TSS_UUID uuid = TSS_UUID_SRK;
    TSS_HPOLICY policy;
    MUST(Tspi_Context_LoadKeyByUUID(context, TSS_PS_TYPE_SYSTEM, uuid, &srk));
    MUST(Tspi_GetPolicyObject(srk, TSS_POLICY_USAGE, &policy));
    MUST(Tspi_Policy_SetSecret(policy, TSS_SECRET_MODE_SHA1, sizeof well_known, well_known));
}

static void write_file(const char *path, const BYTE *bytes, UINT32 count) {
    FILE *file = fopen(path, "wb");
    EXPECT(file != NULL);
    EXPECT(fwrite(bytes, 1, count, file) == count);
    EXPECT(fclose(file) == 0);
}

static UINT32 read_file(const char *path, BYTE bytes[BLOB]) {
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL);
    size_t count = fread(bytes, 1, BLOB, file);
    EXPECT(count > 0 && count < BLOB);
    fclose(file);
    return (UINT32)count;
}

static TSS_HHASH hash_of(const BYTE digest[DIGEST]) {
    TSS_HHASH hash;
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_HASH, TSS_HASH_SHA1, &hash));
    MUST(Tspi_Hash_SetHashValue(hash, DIGEST, (BYTE *)digest));
    return hash;
}

static TSS_HKEY create_key(TSS_FLAG flags) {
    TSS_HKEY key;
    open_srk();
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_RSAKEY, flags | TSS_KEY_AUTHORIZATION, &key));
    MUST(Tspi_Policy_AssignToObject(well_known_policy(TSS_POLICY_USAGE), key));
    MUST(Tspi_Key_CreateKey(key, srk, 0));
    return key;
}

static TSS_HKEY load_key(const char *path) {
    BYTE blob[BLOB];
    TSS_HKEY key;
    UINT32 size = read_file(path, blob);
    open_srk();
    MUST(Tspi_Context_LoadKeyByBlob(context, srk, size, blob, &key));
    MUST(Tspi_Policy_AssignToObject(well_known_policy(TSS_POLICY_USAGE), key));
    return key;
}

static void create(const char *path) {
    BYTE *blob;
    UINT32 size;
    TSS_HKEY key = create_key(SIGNING_KEY);
    MUST(Tspi_GetAttribData(key, TSS_TSPATTRIB_KEY_BLOB, TSS_TSPATTRIB_KEYBLOB_BLOB, &size, &blob));
    write_file(path, blob, size);
}

static void sign(const char *path) {
    BYTE *signature, other[DIGEST] = "another twenty bytes";
    UINT32 size;
    TSS_HKEY key = load_key(path);
    TSS_HHASH hash = hash_of(message);
    MUST(Tspi_Hash_Sign(hash, key, &size, &signature));
    EXPECT(size == 256);
    MUST(Tspi_Hash_VerifySignature(hash, key, size, signature));
    EXPECT(Tspi_Hash_VerifySignature(hash_of(other), key, size, signature) != TSS_SUCCESS);
}

static TSS_HPCRS composite_of(UINT32 pcr) {
    TSS_HPCRS pcrs;
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_PCRS, 0, &pcrs));
    MUST(Tspi_PcrComposite_SelectPcrIndex(pcrs, pcr));
    return pcrs;
}

static void quote(const char *path, UINT32 pcr) {
    TSS_VALIDATION validation = {.ulExternalDataLength = DIGEST, .rgbExternalData = message};
    BYTE *quoted, *value, *hashed;
    UINT32 hashed_size;
    TSS_HHASH hash;
    TSS_HKEY key = load_key(path);
    TSS_HPCRS pcrs = composite_of(pcr);
    MUST(Tspi_TPM_Quote(tpm, key, pcrs, &validation));
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_HASH, TSS_HASH_SHA1, &hash));
    MUST(Tspi_Hash_UpdateHashValue(hash, validation.ulDataLength, validation.rgbData));
    MUST(Tspi_Hash_VerifySignature(hash, key, validation.ulValidationDataLength, validation.rgbValidationData));

    /* The signed TPM_QUOTE_INFO: version, "QUOT", the hash of the TPM_PCR_COMPOSITE, the caller's 20 bytes. */
    quoted = validation.rgbData;
    EXPECT(validation.ulDataLength == 8 + 2 * DIGEST && memcmp(quoted + 4, "QUOT", 4) == 0);
    EXPECT(memcmp(quoted + 8 + DIGEST, message, DIGEST) == 0);

    /* TrouSerS selects with as few bytes as the PCR needs, two at least: size, bits, size of the values, the value. */
    UINT32 bits = pcr < 16 ? 2 : 3, composite_size = 2 + bits + 4 + DIGEST;
    BYTE composite[2 + 3 + 4 + DIGEST] = {0, (BYTE)bits};
    EXPECT(pcr < 24);
    composite[2 + pcr / 8] = (BYTE)(1 << pcr % 8);
    composite[2 + bits + 3] = DIGEST;
    MUST(Tspi_TPM_PcrRead(tpm, pcr, &hashed_size, &value));
    memcpy(composite + composite_size - DIGEST, value, DIGEST);
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_HASH, TSS_HASH_SHA1, &hash));
    MUST(Tspi_Hash_UpdateHashValue(hash, composite_size, composite));
    MUST(Tspi_Hash_GetHashValue(hash, &hashed_size, &hashed));
    EXPECT(hashed_size == DIGEST && memcmp(quoted + 8, hashed, DIGEST) == 0);
}

static void bind(void) {
    TSS_HENCDATA bound;
    BYTE *plain;
    UINT32 size;
    TSS_HKEY key = create_key(TSS_KEY_SIZE_2048 | TSS_KEY_TYPE_BIND | TSS_KEY_NOT_MIGRATABLE);
    MUST(Tspi_Key_LoadKey(key, srk));
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_ENCDATA, TSS_ENCDATA_BIND, &bound));
    MUST(Tspi_Data_Bind(bound, key, DIGEST, message));
    MUST(Tspi_Data_Unbind(bound, key, &size, &plain));
    EXPECT(size == DIGEST && memcmp(plain, message, DIGEST) == 0);
}

static void extend(UINT32 pcr) {
    BYTE *before, *after, *read;
    UINT32 size;
    MUST(Tspi_TPM_PcrRead(tpm, pcr, &size, &before));
    MUST(Tspi_TPM_PcrExtend(tpm, pcr, DIGEST, message, NULL, &size, &after));
    MUST(Tspi_TPM_PcrRead(tpm, pcr, &size, &read));
    EXPECT(size == DIGEST && memcmp(before, after, DIGEST) != 0 && memcmp(after, read, DIGEST) == 0);
}

static void seal(const char *path, UINT32 pcr) {
    TSS_HENCDATA sealed;
    BYTE *value, *blob;
    UINT32 size;
    TSS_HPCRS pcrs = composite_of(pcr);
    open_srk();
    MUST(Tspi_TPM_PcrRead(tpm, pcr, &size, &value));
    MUST(Tspi_PcrComposite_SetPcrValue(pcrs, pcr, size, value));
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_ENCDATA, TSS_ENCDATA_SEAL, &sealed));
    MUST(Tspi_Policy_AssignToObject(well_known_policy(TSS_POLICY_USAGE), sealed));
    MUST(Tspi_Data_Seal(sealed, srk, DIGEST, message, pcrs));
    MUST(Tspi_GetAttribData(sealed, TSS_TSPATTRIB_ENCDATA_BLOB, TSS_TSPATTRIB_ENCDATABLOB_BLOB, &size, &blob));
    write_file(path, blob, size);
}

static void unseal(const char *path) {
    TSS_HENCDATA sealed;
    BYTE blob[BLOB], *plain;
    UINT32 size = read_file(path, blob);
    open_srk();
    MUST(Tspi_Context_CreateObject(context, TSS_OBJECT_TYPE_ENCDATA, TSS_ENCDATA_SEAL, &sealed));
    MUST(Tspi_SetAttribData(sealed, TSS_TSPATTRIB_ENCDATA_BLOB, TSS_TSPATTRIB_ENCDATABLOB_BLOB, size, blob));
    MUST(Tspi_Policy_AssignToObject(well_known_policy(TSS_POLICY_USAGE), sealed));
    MUST(Tspi_Data_Unseal(sealed, srk, &size, &plain));
    EXPECT(size == DIGEST && memcmp(plain, message, DIGEST) == 0);
}

static void take_random(void) {
    BYTE *first, *second;
    MUST(Tspi_TPM_GetRandom(tpm, 128, &first));
    MUST(Tspi_TPM_GetRandom(tpm, 128, &second));
    EXPECT(memcmp(first, second, 128) != 0);
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "";
    const char *first = count > 2 ? words[2] : "";
    const char *second = count > 3 ? words[3] : "";
    MUST(Tspi_Context_Create(&context));
    MUST(Tspi_Context_Connect(context, NULL));
    MUST(Tspi_Context_GetTpmObject(context, &tpm));
    if (strcmp(verb, "create") == 0) create(first);
    else if (strcmp(verb, "sign") == 0) sign(first);
    else if (strcmp(verb, "quote") == 0) quote(first, (UINT32)atoi(second));
    else if (strcmp(verb, "bind") == 0) bind();
    else if (strcmp(verb, "extend") == 0) extend((UINT32)atoi(first));
    else if (strcmp(verb, "seal") == 0) seal(first, (UINT32)atoi(second));
    else if (strcmp(verb, "unseal") == 0) unseal(first);
    else if (strcmp(verb, "random") == 0) take_random();
    else {
        fprintf(stderr, "unknown verb: %s\n", verb);
        return 2;
    }
    MUST(Tspi_Context_Close(context));
    return 0;
}
