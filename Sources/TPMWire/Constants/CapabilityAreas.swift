/// TPM_CAPABILITY_AREA for TPM_GetCapability, 4 bytes (Part 2, 21.1).
///
/// ``GetCapability/Request`` takes every number, since one that is not listed is the engine's to answer.
public enum CapabilityArea: UInt32, Sendable, CaseIterable {
    /// TPM_CAP_ORD: an ordinal is supported.
    case ord = 0x01
    /// TPM_CAP_ALG: an asymmetric algorithm is supported.
    case alg = 0x02
    /// TPM_CAP_PID: a protocol is supported.
    case pid = 0x03
    /// TPM_CAP_FLAG: the flags that ``CapabilityFlags`` names.
    case flag = 0x04
    /// TPM_CAP_PROPERTY: a ``CapabilityProperty``.
    case property = 0x05
    /// TPM_CAP_VERSION: a ``StructVer``.
    case version = 0x06
    /// TPM_CAP_KEY_HANDLE: a ``KeyHandleList`` of the loaded keys.
    case keyHandle = 0x07
    /// TPM_CAP_CHECK_LOADED: a key with these ``KeyParms`` could be loaded.
    case checkLoaded = 0x08
    /// TPM_CAP_SYM_MODE: a ``SymMode`` is supported.
    case symMode = 0x09
    /// TPM_CAP_KEY_STATUS: a key is kept by the owner's wish.
    case keyStatus = 0x0c
    /// TPM_CAP_NV_LIST: the indices of the NV areas, 4 bytes each.
    case nvList = 0x0d
    /// TPM_CAP_MFR: what the manufacturer likes to tell.
    case mfr = 0x10
    /// TPM_CAP_NV_INDEX: the ``NVDataPublic`` of an NV area.
    case nvIndex = 0x11
    /// TPM_CAP_TRANS_ALG: transport sessions support an algorithm.
    case transAlg = 0x12
    /// TPM_CAP_HANDLE: a ``KeyHandleList`` of the handles of a ``ResourceType``.
    case handle = 0x14
    /// TPM_CAP_TRANS_ES: transport sessions support an ``EncScheme``.
    case transES = 0x15
    /// TPM_CAP_AUTH_ENCRYPT: OSAP encrypts new authorisation data with an algorithm.
    case authEncrypt = 0x17
    /// TPM_CAP_SELECT_SIZE: a ``SelectSize`` is supported.
    case selectSize = 0x18
    /// TPM_CAP_DA_LOGIC: a ``DAInfo`` or ``DAInfoLimited``.
    case daLogic = 0x19
    /// TPM_CAP_VERSION_VAL: a ``CapVersionInfo``.
    case versionVal = 0x1a
}

/// The subcaps of TPM_CAP_FLAG, 4 bytes (Part 2, 21.1).
public enum CapabilityFlags: UInt32, Sendable, CaseIterable {
    /// TPM_CAP_FLAG_PERMANENT: ``PermanentFlags``.
    case permanent = 0x108
    /// TPM_CAP_FLAG_VOLATILE: ``STClearFlags``.
    case volatile = 0x109
}

/// TPM_CAP_PROP_x, the subcaps of TPM_CAP_PROPERTY, 4 bytes (Part 2, 21.2).
///
/// The answer is 4 bytes unless something else is said.
public enum CapabilityProperty: UInt32, Sendable, CaseIterable {
    /// The number of PCRs.
    case pcr = 0x101
    /// The number of DIRs, always 1; deprecated, and of the same number as TPM_CAP_PROP_DIR_AUTH (Part 2, 21.3.1).
    case dir = 0x102
    /// Same value as ``CapVersionInfo/tpmVendorID``.
    case manufacturer = 0x103
    /// Keys of 2048 bits that can still be loaded.
    case keys = 0x104
    /// Tenths of a second between increments of a counter.
    case minCounter = 0x107
    /// Authorization sessions that can still be opened.
    case authSess = 0x10a
    /// Transport sessions that can still be opened.
    case tranSess = 0x10b
    /// Counters that can still be created.
    case counters = 0x10c
    /// Authorization sessions at most.
    case maxAuthSess = 0x10d
    /// Transport sessions at most.
    case maxTranSess = 0x10e
    /// Counters at most.
    case maxCounters = 0x10f
    /// Keys of 2048 bits at most, without the EK and the SRK.
    case maxKeys = 0x110
    /// 1 byte: an owner is installed.
    case owner = 0x111
    /// Sessions that can still be saved.
    case context = 0x112
    /// Saved sessions at most.
    case maxContext = 0x113
    /// Rows of the family table at most.
    case familyRows = 0x114
    /// 16 bytes: the timeouts A to D of the interface in microseconds.
    case tisTimeout = 0x115
    /// ``StartupEffects``.
    case startupEffect = 0x116
    /// Rows of the delegate table at most.
    case delegateRow = 0x117
    /// DAA sessions at most.
    case maxDAASess = 0x119
    /// DAA sessions that can still be opened.
    case daaSess = 0x11a
    /// The largest distance between the counts of two saved contexts.
    case contextDist = 0x11b
    /// 1 byte: other commands may come between the stages of a DAA join or sign.
    case daaInterrupt = 0x11c
    /// Authorization and transport sessions that can still be opened.
    case sessions = 0x11d
    /// Authorization and transport sessions at most.
    case maxSessions = 0x11e
    /// TPM_PERMANENT_DATA -> restrictDelegate, a ``CMKDelegate``.
    case cmkRestriction = 0x11f
    /// 12 bytes: the durations of short, medium and long commands in microseconds.
    case duration = 0x120
    /// The number of the active counter, all ones for none.
    case activeCounter = 0x122
    /// NV bytes that can still be defined; deprecated.
    case maxNVAvailable = 0x123
    /// The largest message in bytes.
    case inputBuffer = 0x124
}

/// TPM_CAPABILITY_AREA for TPM_SetCapability, 4 bytes (Part 2, 21.4).
public enum SetCapabilityArea: UInt32, Sendable, CaseIterable {
    /// TPM_SET_PERM_FLAGS: a ``PermanentFlag``.
    case permFlags = 1
    /// TPM_SET_PERM_DATA: a ``PermanentDataField``.
    case permData = 2
    /// TPM_SET_STCLEAR_FLAGS: a ``STClearFlag``.
    case stClearFlags = 3
    /// TPM_SET_STCLEAR_DATA: a ``STClearDataField``.
    case stClearData = 4
    /// TPM_SET_STANY_FLAGS: a ``STAnyFlag``.
    case stAnyFlags = 5
    /// TPM_SET_STANY_DATA: a ``STAnyDataField``.
    case stAnyData = 6
    /// TPM_SET_VENDOR: the manufacturer's own.
    case vendor = 7
}
