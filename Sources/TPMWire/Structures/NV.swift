import TPMCrypto

/// The bits of TPM_NV_ATTRIBUTES, 4 bytes (Part 2, 19.2).
public struct NVPermissions: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readSTClear = NVPermissions(rawValue: 1 << 31)
    public static let authRead = NVPermissions(rawValue: 1 << 18)
    public static let ownerRead = NVPermissions(rawValue: 1 << 17)
    public static let ppRead = NVPermissions(rawValue: 1 << 16)
    public static let globalLock = NVPermissions(rawValue: 1 << 15)
    public static let writeSTClear = NVPermissions(rawValue: 1 << 14)
    public static let writeDefine = NVPermissions(rawValue: 1 << 13)
    public static let writeAll = NVPermissions(rawValue: 1 << 12)
    public static let authWrite = NVPermissions(rawValue: 1 << 2)
    public static let ownerWrite = NVPermissions(rawValue: 1 << 1)
    public static let ppWrite = NVPermissions(rawValue: 1 << 0)
    public static let names: KeyValuePairs<String, NVPermissions> = [
        "readSTClear": .readSTClear, "authRead": .authRead, "ownerRead": .ownerRead, "ppRead": .ppRead,
        "globalLock": .globalLock, "writeSTClear": .writeSTClear, "writeDefine": .writeDefine, "writeAll": .writeAll,
        "authWrite": .authWrite, "ownerWrite": .ownerWrite, "ppWrite": .ppWrite,
    ]
}

/// TPM_NV_ATTRIBUTES, 6 bytes (Part 2, 19.2). Reserved bits are kept as they came.
public struct NVAttributes: WireStructure, Equatable {
    public var attributes = NVPermissions()

    public init() {}

    public init(attributes: NVPermissions) { self.attributes = attributes }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.nvAttributes)
        var raw = attributes.rawValue
        try coder.uint32("attributes", &raw)
        coder.meaning(WireName.of(attributes))
        if coder.isDecoding { attributes = NVPermissions(rawValue: raw) }
    }
}

/// TPM_NV_DATA_PUBLIC, 71 bytes with 3-byte selections (Part 2, 19.3).
public struct NVDataPublic: WireStructure, Equatable {
    public var nvIndex: UInt32 = 0
    public var pcrInfoRead = PCRInfoShort()
    public var pcrInfoWrite = PCRInfoShort()
    public var permission = NVAttributes()
    public var bReadSTClear = false
    public var bWriteSTClear = false
    public var bWriteDefine = false
    /// The size of the area in bytes.
    public var dataSize: UInt32 = 0

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.nvDataPublic)
        try coder.uint32("nvIndex", &nvIndex)
        try coder.release("pcrInfoRead", &pcrInfoRead)
        try coder.release("pcrInfoWrite", &pcrInfoWrite)
        try coder.structure("permission", &permission)
        try coder.bool("bReadSTClear", &bReadSTClear)
        try coder.bool("bWriteSTClear", &bWriteSTClear)
        try coder.bool("bWriteDefine", &bWriteDefine)
        try coder.uint32("dataSize", &dataSize)
    }
}

/// TPM_NV_DATA_SENSITIVE, 93 + n bytes with 3-byte selections: an area with its secret and its data (Part 2, 19.4).
///
/// The size of the data is that of ``pubInfo``. Another tag is TPM_INVALID_STRUCTURE.
public struct NVDataSensitive: WireStructure, Equatable {
    public var pubInfo = NVDataPublic()
    public var authValue = Secret(count: Digest.byteCount)
    /// As many bytes as ``NVDataPublic/dataSize`` says, TPM_SIZE on output when it is not so.
    public var data: [UInt8] = []

    public init() {}

    public init(pubInfo: NVDataPublic, authValue: Secret, data: [UInt8]) {
        self.pubInfo = pubInfo
        self.authValue = authValue
        self.data = data
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.nvDataSensitive)
        try coder.structure("pubInfo", &pubInfo)
        try coder.authData("authValue", &authValue)
        try coder.fixed("data", &data, count: Int(pubInfo.dataSize))
    }
}

extension FieldCoder {
    /// The PCR info of an NV area, which is TPM_INVALID_STRUCTURE where others are TPM_INVALID_PCR_INFO (Part 3, 20.1
    /// actions 7 and 8).
    fileprivate mutating func release(_ name: StaticString, _ value: inout PCRInfoShort) throws(TPMResult) {
        do throws(TPMResult) {
            try structure(name, &value)
        } catch {
            throw error == .invalidPCRInfo ? .invalidStructure : error
        }
    }
}
