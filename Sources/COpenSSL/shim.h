#define OPENSSL_NO_DEPRECATED
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

/* SHA_CTX alone of what is deprecated: no other call lets a running SHA-1 be taken out and gone on with. */
#undef OPENSSL_NO_DEPRECATED_3_0
#define OSSL_DEPRECATEDIN_3_0
#include <openssl/sha.h>
#define OPENSSL_NO_DEPRECATED_3_0

/* They include sha.h, which is therefore before them. */
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

/* Macros that Swift cannot import. */
static const int vtpm_pkey_public = EVP_PKEY_PUBLIC_KEY;
static const int vtpm_pkey_keypair = EVP_PKEY_KEYPAIR;
