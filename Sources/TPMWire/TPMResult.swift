/// A command's return code. Part 2, section 16.
public struct TPMResult: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible, WireNamed {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The specification's name, such as `TPM_AUTHFAIL`; nil for a code it does not define.
    public var name: String? { Self.entries[rawValue]?.name }

    var wireName: String? { name }

    /// What the code says, in one line; nil for a code the specification does not define.
    public var meaning: String? { Self.entries[rawValue]?.meaning }

    /// TPM_VENDOR_ERROR, the bit that marks a manufacturer's own code. Part 2, sections 2.2.4 and 16.
    public static let vendorError: UInt32 = 0x400
    /// TPM_NON_FATAL, the first of the codes that leave sessions alive. Part 2, section 16.
    public static let nonFatal: UInt32 = 0x800

    /// Whether the code is the manufacturer's own.
    public var isVendorSpecific: Bool { rawValue <= 0xFFF && rawValue & Self.vendorError != 0 }

    /// Whether the code lies in the non-fatal range, which leaves sessions alive.
    public var isNonFatal: Bool { (Self.nonFatal...0xFFF).contains(rawValue) }

    /// Every defined code, in ascending order.
    public static let all: [TPMResult] = table.map(\.code)

    public var description: String {
        let digits = String(rawValue, radix: 16, uppercase: true)
        let hex = "0x" + String(repeating: "0", count: 8 - digits.count) + digits
        return name.map { "\($0) (\(hex))" } ?? hex
    }
}

// MARK: - The codes

extension TPMResult {
    public static let success = TPMResult(rawValue: 0)
    public static let authFail = TPMResult(rawValue: 1)
    public static let badIndex = TPMResult(rawValue: 2)
    public static let badParameter = TPMResult(rawValue: 3)
    public static let auditFailure = TPMResult(rawValue: 4)
    public static let clearDisabled = TPMResult(rawValue: 5)
    public static let deactivated = TPMResult(rawValue: 6)
    public static let disabled = TPMResult(rawValue: 7)
    public static let disabledCmd = TPMResult(rawValue: 8)
    public static let fail = TPMResult(rawValue: 9)
    public static let badOrdinal = TPMResult(rawValue: 10)
    public static let installDisabled = TPMResult(rawValue: 11)
    public static let invalidKeyHandle = TPMResult(rawValue: 12)
    public static let keyNotFound = TPMResult(rawValue: 13)
    public static let inappropriateEnc = TPMResult(rawValue: 14)
    public static let migrateFail = TPMResult(rawValue: 15)
    public static let invalidPCRInfo = TPMResult(rawValue: 16)
    public static let noSpace = TPMResult(rawValue: 17)
    public static let noSRK = TPMResult(rawValue: 18)
    public static let notSealedBlob = TPMResult(rawValue: 19)
    public static let ownerSet = TPMResult(rawValue: 20)
    public static let resources = TPMResult(rawValue: 21)
    public static let shortRandom = TPMResult(rawValue: 22)
    public static let size = TPMResult(rawValue: 23)
    public static let wrongPCRVal = TPMResult(rawValue: 24)
    public static let badParamSize = TPMResult(rawValue: 25)
    public static let shaThread = TPMResult(rawValue: 26)
    public static let shaError = TPMResult(rawValue: 27)
    public static let failedSelfTest = TPMResult(rawValue: 28)
    public static let auth2Fail = TPMResult(rawValue: 29)
    public static let badTag = TPMResult(rawValue: 30)
    public static let ioError = TPMResult(rawValue: 31)
    public static let encryptError = TPMResult(rawValue: 32)
    public static let decryptError = TPMResult(rawValue: 33)
    public static let invalidAuthHandle = TPMResult(rawValue: 34)
    public static let noEndorsement = TPMResult(rawValue: 35)
    public static let invalidKeyUsage = TPMResult(rawValue: 36)
    public static let wrongEntityType = TPMResult(rawValue: 37)
    public static let invalidPostInit = TPMResult(rawValue: 38)
    public static let inappropriateSig = TPMResult(rawValue: 39)
    public static let badKeyProperty = TPMResult(rawValue: 40)
    public static let badMigration = TPMResult(rawValue: 41)
    public static let badScheme = TPMResult(rawValue: 42)
    public static let badDataSize = TPMResult(rawValue: 43)
    public static let badMode = TPMResult(rawValue: 44)
    public static let badPresence = TPMResult(rawValue: 45)
    public static let badVersion = TPMResult(rawValue: 46)
    public static let noWrapTransport = TPMResult(rawValue: 47)
    public static let auditFailUnsuccessful = TPMResult(rawValue: 48)
    public static let auditFailSuccessful = TPMResult(rawValue: 49)
    public static let notResetable = TPMResult(rawValue: 50)
    public static let notLocal = TPMResult(rawValue: 51)
    public static let badType = TPMResult(rawValue: 52)
    public static let invalidResource = TPMResult(rawValue: 53)
    public static let notFIPS = TPMResult(rawValue: 54)
    public static let invalidFamily = TPMResult(rawValue: 55)
    public static let noNVPermission = TPMResult(rawValue: 56)
    public static let requiresSign = TPMResult(rawValue: 57)
    public static let keyNotSupported = TPMResult(rawValue: 58)
    public static let authConflict = TPMResult(rawValue: 59)
    public static let areaLocked = TPMResult(rawValue: 60)
    public static let badLocality = TPMResult(rawValue: 61)
    public static let readOnly = TPMResult(rawValue: 62)
    public static let perNoWrite = TPMResult(rawValue: 63)
    public static let familyCount = TPMResult(rawValue: 64)
    public static let writeLocked = TPMResult(rawValue: 65)
    public static let badAttributes = TPMResult(rawValue: 66)
    public static let invalidStructure = TPMResult(rawValue: 67)
    public static let keyOwnerControl = TPMResult(rawValue: 68)
    public static let badCounter = TPMResult(rawValue: 69)
    public static let notFullWrite = TPMResult(rawValue: 70)
    public static let contextGap = TPMResult(rawValue: 71)
    public static let maxNVWrites = TPMResult(rawValue: 72)
    public static let noOperator = TPMResult(rawValue: 73)
    public static let resourceMissing = TPMResult(rawValue: 74)
    public static let delegateLock = TPMResult(rawValue: 75)
    public static let delegateFamily = TPMResult(rawValue: 76)
    public static let delegateAdmin = TPMResult(rawValue: 77)
    public static let transportNotExclusive = TPMResult(rawValue: 78)
    public static let ownerControl = TPMResult(rawValue: 79)
    public static let daaResources = TPMResult(rawValue: 80)
    public static let daaInputData0 = TPMResult(rawValue: 81)
    public static let daaInputData1 = TPMResult(rawValue: 82)
    public static let daaIssuerSettings = TPMResult(rawValue: 83)
    public static let daaTPMSettings = TPMResult(rawValue: 84)
    public static let daaStage = TPMResult(rawValue: 85)
    public static let daaIssuerValidity = TPMResult(rawValue: 86)
    public static let daaWrongW = TPMResult(rawValue: 87)
    public static let badHandle = TPMResult(rawValue: 88)
    public static let badDelegate = TPMResult(rawValue: 89)
    public static let badContext = TPMResult(rawValue: 90)
    public static let tooManyContexts = TPMResult(rawValue: 91)
    public static let maTicketSignature = TPMResult(rawValue: 92)
    public static let maDestination = TPMResult(rawValue: 93)
    public static let maSource = TPMResult(rawValue: 94)
    public static let maAuthority = TPMResult(rawValue: 95)
    public static let permanentEK = TPMResult(rawValue: 97)
    public static let badSignature = TPMResult(rawValue: 98)
    public static let noContextSpace = TPMResult(rawValue: 99)
    public static let retry = TPMResult(rawValue: 0x800)
    public static let needsSelfTest = TPMResult(rawValue: 0x801)
    public static let doingSelfTest = TPMResult(rawValue: 0x802)
    public static let defendLockRunning = TPMResult(rawValue: 0x803)
}

// MARK: - Names and meanings

extension TPMResult {
    private typealias Entry = (code: TPMResult, name: String, meaning: String)

    private static let entries: [UInt32: Entry] = Dictionary(
        table.map { ($0.code.rawValue, $0) }, uniquingKeysWith: { first, _ in first })

    private static let table: [Entry] = [
        (.success, "TPM_SUCCESS", "The command completed."),
        (.authFail, "TPM_AUTHFAIL", "The authorization value did not verify."),
        (.badIndex, "TPM_BADINDEX", "A PCR, DIR or other register index is out of range."),
        (.badParameter, "TPM_BAD_PARAMETER", "A parameter has an unacceptable value."),
        (.auditFailure, "TPM_AUDITFAILURE", "The command worked but could not be audited."),
        (.clearDisabled, "TPM_CLEAR_DISABLED", "Clearing is turned off without physical access."),
        (.deactivated, "TPM_DEACTIVATED", "The TPM is in the deactivated state."),
        (.disabled, "TPM_DISABLED", "The TPM is in the disabled state."),
        (.disabledCmd, "TPM_DISABLED_CMD", "This command has been turned off."),
        (.fail, "TPM_FAIL", "The command failed for no more specific reason."),
        (.badOrdinal, "TPM_BAD_ORDINAL", "The ordinal is unknown or does not fit here."),
        (.installDisabled, "TPM_INSTALL_DISABLED", "Taking ownership is turned off."),
        (.invalidKeyHandle, "TPM_INVALID_KEYHANDLE", "The key handle makes no sense."),
        (.keyNotFound, "TPM_KEYNOTFOUND", "The handle names no usable key."),
        (.inappropriateEnc, "TPM_INAPPROPRIATE_ENC", "The encryption scheme is not acceptable."),
        (.migrateFail, "TPM_MIGRATEFAIL", "The migration authorization was refused."),
        (.invalidPCRInfo, "TPM_INVALID_PCR_INFO", "The PCR information is malformed."),
        (.noSpace, "TPM_NOSPACE", "No key slot is free."),
        (.noSRK, "TPM_NOSRK", "There is no storage root key, hence no owner."),
        (.notSealedBlob, "TPM_NOTSEALED_BLOB", "The sealed blob is damaged or from another TPM."),
        (.ownerSet, "TPM_OWNER_SET", "The TPM is already owned."),
        (.resources, "TPM_RESOURCES", "Internal resources are exhausted."),
        (.shortRandom, "TPM_SHORTRANDOM", "Too little random data was supplied."),
        (.size, "TPM_SIZE", "The operation needs more space than there is."),
        (.wrongPCRVal, "TPM_WRONGPCRVAL", "The current PCRs differ from the required ones."),
        (.badParamSize, "TPM_BAD_PARAM_SIZE", "The paramSize field disagrees with the command."),
        (.shaThread, "TPM_SHA_THREAD", "No SHA-1 calculation is in progress."),
        (.shaError, "TPM_SHA_ERROR", "The SHA-1 calculation already went wrong."),
        (.failedSelfTest, "TPM_FAILEDSELFTEST", "A self-test failed and the TPM shut down."),
        (.auth2Fail, "TPM_AUTH2FAIL", "The second authorization value did not verify."),
        (.badTag, "TPM_BADTAG", "The request tag does not suit the command."),
        (.ioError, "TPM_IOERROR", "Data could not be carried to the TPM."),
        (.encryptError, "TPM_ENCRYPT_ERROR", "Encryption went wrong."),
        (.decryptError, "TPM_DECRYPT_ERROR", "Decryption went wrong."),
        (.invalidAuthHandle, "TPM_INVALID_AUTHHANDLE", "The authorization session handle is not valid."),
        (.noEndorsement, "TPM_NO_ENDORSEMENT", "There is no endorsement key."),
        (.invalidKeyUsage, "TPM_INVALID_KEYUSAGE", "The key may not be used this way."),
        (.wrongEntityType, "TPM_WRONG_ENTITYTYPE", "This entity type is not allowed here."),
        (.invalidPostInit, "TPM_INVALID_POSTINIT", "The command is out of order around startup."),
        (.inappropriateSig, "TPM_INAPPROPRIATE_SIG", "The signature scheme cannot sign this data."),
        (.badKeyProperty, "TPM_BAD_KEY_PROPERTY", "The key properties are not supported."),
        (.badMigration, "TPM_BAD_MIGRATION", "The migration properties of the key are wrong."),
        (.badScheme, "TPM_BAD_SCHEME", "The signature or encryption scheme is wrong."),
        (.badDataSize, "TPM_BAD_DATASIZE", "A data or blob size is wrong or inconsistent."),
        (.badMode, "TPM_BAD_MODE", "A mode or sub-capability parameter is wrong."),
        (.badPresence, "TPM_BAD_PRESENCE", "The physical presence state or bits are wrong."),
        (.badVersion, "TPM_BAD_VERSION", "The structure version is not supported."),
        (.noWrapTransport, "TPM_NO_WRAP_TRANSPORT", "This command cannot be wrapped in a transport session."),
        (.auditFailUnsuccessful, "TPM_AUDITFAIL_UNSUCCESSFUL", "Both the audit and the command failed."),
        (.auditFailSuccessful, "TPM_AUDITFAIL_SUCCESSFUL", "The audit failed though the command succeeded."),
        (.notResetable, "TPM_NOTRESETABLE", "The PCR cannot be reset."),
        (.notLocal, "TPM_NOTLOCAL", "The PCR reset needs another locality."),
        (.badType, "TPM_BAD_TYPE", "The identity blob has the wrong type."),
        (.invalidResource, "TPM_INVALID_RESOURCE", "The saved context is of another resource type."),
        (.notFIPS, "TPM_NOTFIPS", "The operation is not allowed in FIPS mode."),
        (.invalidFamily, "TPM_INVALID_FAMILY", "The family identifier is not valid."),
        (.noNVPermission, "TPM_NO_NV_PERMISSION", "The NV storage may not be used this way."),
        (.requiresSign, "TPM_REQUIRES_SIGN", "The command must be signed."),
        (.keyNotSupported, "TPM_KEY_NOTSUPPORTED", "The key does not suit this NV or delegate operation."),
        (.authConflict, "TPM_AUTH_CONFLICT", "The NV area allows no such authorization."),
        (.areaLocked, "TPM_AREA_LOCKED", "The NV area is locked."),
        (.badLocality, "TPM_BAD_LOCALITY", "The current locality is not allowed."),
        (.readOnly, "TPM_READ_ONLY", "The NV area can only be read."),
        (.perNoWrite, "TPM_PER_NOWRITE", "The NV area has no write permission."),
        (.familyCount, "TPM_FAMILYCOUNT", "The family count does not match."),
        (.writeLocked, "TPM_WRITE_LOCKED", "The NV area is locked against writing."),
        (.badAttributes, "TPM_BAD_ATTRIBUTES", "The NV attributes contradict each other."),
        (.invalidStructure, "TPM_INVALID_STRUCTURE", "A structure's tag or layout is wrong."),
        (.keyOwnerControl, "TPM_KEY_OWNER_CONTROL", "Only the owner may evict this key."),
        (.badCounter, "TPM_BAD_COUNTER", "The counter handle is wrong."),
        (.notFullWrite, "TPM_NOT_FULLWRITE", "The NV area must be written all at once."),
        (.contextGap, "TPM_CONTEXT_GAP", "Saved context counts have grown too far apart."),
        (.maxNVWrites, "TPM_MAXNVWRITES", "The NV writes allowed before ownership are used up."),
        (.noOperator, "TPM_NOOPERATOR", "No operator authorization is set."),
        (.resourceMissing, "TPM_RESOURCEMISSING", "A resource the context refers to is not loaded."),
        (.delegateLock, "TPM_DELEGATE_LOCK", "Delegate administration is locked."),
        (.delegateFamily, "TPM_DELEGATE_FAMILY", "The delegation belongs to another family."),
        (.delegateAdmin, "TPM_DELEGATE_ADMIN", "Delegate table management is not enabled."),
        (.transportNotExclusive, "TPM_TRANSPORT_NOTEXCLUSIVE", "A command outside the exclusive session ran."),
        (.ownerControl, "TPM_OWNER_CONTROL", "The key under owner eviction may not be saved."),
        (.daaResources, "TPM_DAA_RESOURCES", "No resources are left for the DAA command."),
        (.daaInputData0, "TPM_DAA_INPUT_DATA0", "DAA input data 0 is inconsistent."),
        (.daaInputData1, "TPM_DAA_INPUT_DATA1", "DAA input data 1 is inconsistent."),
        (.daaIssuerSettings, "TPM_DAA_ISSUER_SETTINGS", "The DAA issuer settings are inconsistent."),
        (.daaTPMSettings, "TPM_DAA_TPM_SETTINGS", "The DAA settings of the TPM are inconsistent."),
        (.daaStage, "TPM_DAA_STAGE", "The DAA stage is not the expected one."),
        (.daaIssuerValidity, "TPM_DAA_ISSUER_VALIDITY", "The DAA issuer's validity check failed."),
        (.daaWrongW, "TPM_DAA_WRONG_W", "The DAA value w failed its check."),
        (.badHandle, "TPM_BAD_HANDLE", "The handle is wrong."),
        (.badDelegate, "TPM_BAD_DELEGATE", "The delegation is wrong."),
        (.badContext, "TPM_BADCONTEXT", "The context blob is not valid."),
        (.tooManyContexts, "TPM_TOOMANYCONTEXTS", "Too many contexts are saved."),
        (.maTicketSignature, "TPM_MA_TICKET_SIGNATURE", "The migration authority's ticket failed its check."),
        (.maDestination, "TPM_MA_DESTINATION", "The migration destination is not authorized."),
        (.maSource, "TPM_MA_SOURCE", "The migration source is not right."),
        (.maAuthority, "TPM_MA_AUTHORITY", "The migration authority is not right."),
        (.permanentEK, "TPM_PERMANENTEK", "The endorsement key cannot be revoked."),
        (.badSignature, "TPM_BAD_SIGNATURE", "The signature on the CMK ticket is wrong."),
        (.noContextSpace, "TPM_NOCONTEXTSPACE", "The context list has no room."),
        (.retry, "TPM_RETRY", "The TPM is busy; send the command again later."),
        (.needsSelfTest, "TPM_NEEDS_SELFTEST", "The remaining self-tests must be run first."),
        (.doingSelfTest, "TPM_DOING_SELFTEST", "The self-tests this command needs are running."),
        (.defendLockRunning, "TPM_DEFEND_LOCK_RUNNING", "Dictionary attack protection is in its time-out."),
    ]
}
