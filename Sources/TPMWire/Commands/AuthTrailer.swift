import TPMCrypto

/// What follows a request's parameters for each of its sessions, 45 bytes (Part 1, 13.1).
public struct AuthRequest: WireStructure, Equatable {
    public static let byteCount = 45

    public var authHandle: UInt32 = 0
    public var nonceOdd = Digest()
    public var continueAuthSession = false
    public var auth = Digest()

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("authHandle", &authHandle)
        try coder.digest("nonceOdd", &nonceOdd)
        try coder.bool("continueAuthSession", &continueAuthSession)
        try coder.digest("auth", &auth)
    }
}

/// What follows a response's parameters for each session, 41 bytes (Part 1, 13.1).
public struct AuthResponse: WireStructure, Equatable {
    public static let byteCount = 41

    public var nonceEven = Digest()
    public var continueAuthSession = false
    public var resAuth = Digest()

    public init() {}

    public init(nonceEven: Digest, continueAuthSession: Bool, resAuth: Digest) {
        self.nonceEven = nonceEven
        self.continueAuthSession = continueAuthSession
        self.resAuth = resAuth
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.digest("nonceEven", &nonceEven)
        try coder.bool("continueAuthSession", &continueAuthSession)
        try coder.digest("resAuth", &resAuth)
    }
}
