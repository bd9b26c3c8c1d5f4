#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tctildr.h>

/* Macros that Swift cannot import. */
static const TPM2_RC vtpm_rc_initialize = TPM2_RC_INITIALIZE;
static const TPM2_RC vtpm_rc_pcr_changed = TPM2_RC_PCR_CHANGED;
static const TPM2_RC vtpm_rc_nv_authorization = TPM2_RC_NV_AUTHORIZATION;
static const TPM2_RC vtpm_rc_nv_uninitialized = TPM2_RC_NV_UNINITIALIZED;
static const TPM2_RC vtpm_rc_nv_space = TPM2_RC_NV_SPACE;
static const TPM2_RC vtpm_rc_fmt1 = TPM2_RC_FMT1;
static const TPM2_RC vtpm_rc_handle = TPM2_RC_HANDLE;
static const TPM2_RC vtpm_rc_auth_fail = TPM2_RC_AUTH_FAIL;
static const TPM2_RC vtpm_rc_policy_fail = TPM2_RC_POLICY_FAIL;
static const TPM2_RC vtpm_rc_bad_auth = TPM2_RC_BAD_AUTH;
static const TPM2_RC vtpm_rc_context_gap = TPM2_RC_CONTEXT_GAP;
static const TPM2_RC vtpm_rc_object_memory = TPM2_RC_OBJECT_MEMORY;
static const TPM2_RC vtpm_rc_session_memory = TPM2_RC_SESSION_MEMORY;
static const TPM2_RC vtpm_rc_memory = TPM2_RC_MEMORY;
static const TPM2_RC vtpm_rc_session_handles = TPM2_RC_SESSION_HANDLES;
static const TPM2_RC vtpm_rc_object_handles = TPM2_RC_OBJECT_HANDLES;
static const TPM2_RC vtpm_rc_yielded = TPM2_RC_YIELDED;
static const TPM2_RC vtpm_rc_testing = TPM2_RC_TESTING;
static const TPM2_RC vtpm_rc_nv_rate = TPM2_RC_NV_RATE;
static const TPM2_RC vtpm_rc_lockout = TPM2_RC_LOCKOUT;
static const TPM2_RC vtpm_rc_retry = TPM2_RC_RETRY;
static const TPM2_RC vtpm_rc_nv_unavailable = TPM2_RC_NV_UNAVAILABLE;
static const TSS2_RC vtpm_esys_rc_auth_failed = TSS2_ESYS_RC_RSP_AUTH_FAILED;
static const TPM2_PT vtpm_pt_manufacturer = TPM2_PT_MANUFACTURER;
static const TPM2_PT vtpm_pt_vendor_string_1 = TPM2_PT_VENDOR_STRING_1;
static const TPM2_PT vtpm_pt_firmware_version_1 = TPM2_PT_FIRMWARE_VERSION_1;
static const TPM2_PT vtpm_pt_firmware_version_2 = TPM2_PT_FIRMWARE_VERSION_2;
static const TPM2_HANDLE vtpm_transient_first = TPM2_TRANSIENT_FIRST;
static const TPM2_HANDLE vtpm_loaded_session_first = TPM2_LOADED_SESSION_FIRST;
static const TPM2_HANDLE vtpm_active_session_first = TPM2_ACTIVE_SESSION_FIRST;
