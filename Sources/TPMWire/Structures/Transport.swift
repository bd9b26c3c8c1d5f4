import TPMCrypto

/// TPM_TRANSPORT_ATTRIBUTES, 4 bytes (Part 2, 13.1.1).
public struct TransportAttributes: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let encrypt = TransportAttributes(rawValue: 1)
    public static let log = TransportAttributes(rawValue: 2)
    public static let exclusive = TransportAttributes(rawValue: 4)
    public static let names: KeyValuePairs<String, TransportAttributes> = [
        "encrypt": .encrypt, "log": .log, "exclusive": .exclusive,
    ]
}

/// TPM_TRANSPORT_PUBLIC, 12 bytes (Part 2, 13.1). Numbers stay raw: the command that takes it names the errors.
public struct TransportPublic: WireStructure, Equatable {
    public var transAttributes = TransportAttributes()
    public var algId: UInt32 = 0
    public var encScheme: UInt16 = 0

    public init() {}

    public init(transAttributes: TransportAttributes, algId: UInt32, encScheme: UInt16) {
        self.transAttributes = transAttributes
        self.algId = algId
        self.encScheme = encScheme
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.transportPublic)
        try coder.value("transAttributes", &transAttributes)
        try coder.uint32("algId", &algId)
        coder.meaning(AlgorithmID(rawValue: algId).flatMap(WireName.of))
        try coder.uint16("encScheme", &encScheme)
        coder.meaning(EncScheme(rawValue: encScheme).flatMap(WireName.of))
    }
}

/// TPM_TRANSPORT_INTERNAL, 78 bytes: what the TPM keeps of a transport session (Part 2, 13.2).
///
/// Another tag is TPM_INVALID_STRUCTURE; the public part throws what ``TransportPublic`` throws.
public struct TransportInternal: WireStructure, Equatable {
    public var authData = Secret(count: Digest.byteCount)
    public var transPublic = TransportPublic()
    /// A TPM_TRANSHANDLE.
    public var transHandle: UInt32 = 0
    public var transNonceEven = Digest()
    /// The log of the session.
    public var transDigest = Digest()

    public init() {}

    public init(
        authData: Secret, transPublic: TransportPublic, transHandle: UInt32, transNonceEven: Digest, transDigest: Digest
    ) {
        self.authData = authData
        self.transPublic = transPublic
        self.transHandle = transHandle
        self.transNonceEven = transNonceEven
        self.transDigest = transDigest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.transportInternal)
        try coder.authData("authData", &authData)
        try coder.structure("transPublic", &transPublic)
        try coder.uint32("transHandle", &transHandle)
        try coder.digest("transNonceEven", &transNonceEven)
        try coder.digest("transDigest", &transDigest)
    }
}

/// TPM_TRANSPORT_LOG_IN, 42 bytes (Part 2, 13.3).
public struct TransportLogIn: WireStructure, Equatable {
    public var parameters = Digest()
    public var pubKeyHash = Digest()

    public init() {}

    public init(parameters: Digest, pubKeyHash: Digest) {
        self.parameters = parameters
        self.pubKeyHash = pubKeyHash
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.transportLogIn)
        try coder.digest("parameters", &parameters)
        try coder.digest("pubKeyHash", &pubKeyHash)
    }
}

/// TPM_TRANSPORT_LOG_OUT, 58 bytes (Part 2, 13.4).
public struct TransportLogOut: WireStructure, Equatable {
    public var currentTicks = CurrentTicks()
    public var parameters = Digest()
    public var locality: UInt32 = 0

    public init() {}

    public init(currentTicks: CurrentTicks, parameters: Digest, locality: UInt32) {
        self.currentTicks = currentTicks
        self.parameters = parameters
        self.locality = locality
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.transportLogOut)
        try coder.structure("currentTicks", &currentTicks)
        try coder.digest("parameters", &parameters)
        try coder.uint32("locality", &locality)
    }
}

/// TPM_TRANSPORT_AUTH, 22 bytes (Part 2, 13.5).
public struct TransportAuth: WireStructure, Equatable {
    public var authData = Secret(count: Digest.byteCount)

    public init() {}

    public init(authData: Secret) { self.authData = authData }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.transportAuth)
        try coder.authData("authData", &authData)
    }
}
