import TPMCrypto

/// TPM_STRUCT_VER, 4 bytes: the version 1.1 ahead of the structures that 1.2 took over (Part 2, 5.1).
///
/// A major or minor number other than 1 is TPM_BAD_VERSION. The revisions mean nothing: any value decodes, and the TPM
/// makes them zero. A structure keeps those that it came with, since digests over it cover them.
public struct StructVer: WireStructure, Equatable {
    public var revMajor: UInt8 = 0
    public var revMinor: UInt8 = 0

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var major: UInt8 = 1
        var minor: UInt8 = 1
        try coder.uint8("major", &major)
        try coder.uint8("minor", &minor)
        if coder.isDecoding, major != 1 || minor != 1 { throw .badVersion }
        try coder.uint8("revMajor", &revMajor)
        try coder.uint8("revMinor", &revMinor)
    }
}

/// TPM_VERSION, 4 bytes: the version of the TPM itself (Part 2, 5.3). Every value decodes.
public struct Version: WireStructure, Equatable {
    public var major: UInt8 = 1
    public var minor: UInt8 = 2
    public var revMajor: UInt8 = 0
    public var revMinor: UInt8 = 0

    public init() {}

    public init(major: UInt8, minor: UInt8, revMajor: UInt8, revMinor: UInt8) {
        self.major = major
        self.minor = minor
        self.revMajor = revMajor
        self.revMinor = revMinor
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint8("major", &major)
        try coder.uint8("minor", &minor)
        try coder.uint8("revMajor", &revMajor)
        try coder.uint8("revMinor", &revMinor)
    }
}

/// TPM_KEY_HANDLE_LIST, 2 + 4n bytes (Part 2, 5.7). More than 65535 handles are TPM_SIZE on output.
public struct KeyHandleList: WireStructure, Equatable {
    public var handle: [KeyHandle] = []

    public init() {}

    public init(handle: [KeyHandle]) {
        self.handle = handle
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        guard var loaded = UInt16(exactly: handle.count) else { throw .size }
        try coder.uint16("loaded", &loaded)
        try coder.array("handle", &handle, count: Int(loaded))
    }
}

/// TPM_CHANGEAUTH_VALIDATE, 40 bytes (Part 2, 5.11).
public struct ChangeAuthValidate: WireStructure, Equatable {
    public var newAuthSecret = Secret(count: Digest.byteCount)
    public var n1 = Digest.zero

    public init() {}

    public init(newAuthSecret: Secret, n1: Digest) {
        self.newAuthSecret = newAuthSecret
        self.n1 = n1
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.authData("newAuthSecret", &newAuthSecret)
        try coder.digest("n1", &n1)
    }
}

/// TPM_COUNTER_VALUE, 10 bytes (Part 2, 5.13). Another tag is TPM_INVALID_STRUCTURE.
public struct CounterValue: WireStructure, Equatable {
    /// 4 bytes.
    public var label: [UInt8] = [0, 0, 0, 0]
    public var counter: UInt32 = 0

    public init() {}

    public init(label: [UInt8], counter: UInt32) {
        self.label = label
        self.counter = counter
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.counterValue)
        try coder.fixed("label", &label, count: 4)
        try coder.uint32("counter", &counter)
    }
}

/// TPM_SIGN_INFO, 30 + n bytes: what a 1.2 signature covers (Part 2, 5.14).
///
/// Another tag is TPM_INVALID_STRUCTURE.
public struct SignInfo: WireStructure, Equatable {
    /// 4 ASCII characters that name the signing function.
    public var fixed: [UInt8] = [0, 0, 0, 0]
    public var replay = Digest.zero
    public var data: [UInt8] = []

    public init() {}

    public init(fixed: [UInt8], replay: Digest, data: [UInt8]) {
        self.fixed = fixed
        self.replay = replay
        self.data = data
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.signInfo)
        try coder.fixed("fixed", &fixed, count: 4)
        try coder.digest("replay", &replay)
        try coder.sized("data", .u32("dataLen"), &data)
    }
}

/// TPM_SELECT_SIZE, 4 bytes: the question of TPM_CAP_SELECT_SIZE (Part 2, 5.18). Every value decodes.
public struct SelectSize: WireStructure, Equatable {
    public var major: UInt8 = 1
    public var minor: UInt8 = 1
    public var reqSize: UInt16 = 0

    public init() {}

    public init(major: UInt8, minor: UInt8, reqSize: UInt16) {
        self.major = major
        self.minor = minor
        self.reqSize = reqSize
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint8("major", &major)
        try coder.uint8("minor", &minor)
        try coder.uint16("reqSize", &reqSize)
    }
}
