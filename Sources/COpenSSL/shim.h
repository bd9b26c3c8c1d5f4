#define OPENSSL_NO_DEPRECATED
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

/* Macros that Swift cannot import. */
static const int vtpm_pkey_public = EVP_PKEY_PUBLIC_KEY;
static const int vtpm_pkey_keypair = EVP_PKEY_KEYPAIR;
