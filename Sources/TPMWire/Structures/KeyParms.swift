import TPMCrypto

/// TPM_KEY_PARMS, 12 bytes and the parameters of the algorithm (Part 2, 10.1).
///
/// An unknown algorithm or scheme is TPM_BAD_KEY_PROPERTY, and so are parameters that the algorithm lacks or does not
/// have. Whether algorithm, schemes and usage agree is for the engine.
public struct KeyParms: WireStructure, Equatable {
    /// What the algorithm needs to know, by algorithm.
    public enum Parms: Sendable, Equatable {
        case none
        case rsa(RSAKeyParms)
        case symmetric(SymmetricKeyParms)
    }

    public var algorithmID = AlgorithmID.rsa
    public var encScheme = EncScheme.none
    public var sigScheme = SigScheme.none
    public var parms = Parms.rsa(RSAKeyParms())

    public init() {}

    public init(algorithmID: AlgorithmID, encScheme: EncScheme, sigScheme: SigScheme, parms: Parms) {
        self.algorithmID = algorithmID
        self.encScheme = encScheme
        self.sigScheme = sigScheme
        self.parms = parms
    }

    /// The parameters of an RSA key, nil for another algorithm.
    public var rsa: RSAKeyParms? {
        if case .rsa(let value) = parms { value } else { nil }
    }

    /// The parameters of a symmetric key, nil for another algorithm.
    public var symmetric: SymmetricKeyParms? {
        if case .symmetric(let value) = parms { value } else { nil }
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("algorithmID", &algorithmID, else: .badKeyProperty)
        try coder.value("encScheme", &encScheme, else: .badKeyProperty)
        try coder.value("sigScheme", &sigScheme, else: .badKeyProperty)
        if coder.isDecoding {
            parms =
                algorithmID == .rsa
                ? .rsa(RSAKeyParms())
                : algorithmID.isAES ? .symmetric(SymmetricKeyParms()) : .none
        }
        switch parms {
        case .none:
            var empty: [UInt8] = []
            try coder.sized("parms", .u32("parmSize"), &empty)
            guard empty.isEmpty else { throw .badKeyProperty }
        case .rsa(let value):
            var inner: RSAKeyParms? = value
            try coder.sizedStructure("parms", .u32("parmSize"), &inner)
            guard let inner else { throw .badKeyProperty }
            parms = .rsa(inner)
        case .symmetric(let value):
            var inner: SymmetricKeyParms? = value
            try coder.sizedStructure("parms", .u32("parmSize"), &inner)
            guard let inner else { throw .badKeyProperty }
            parms = .symmetric(inner)
        }
    }
}

/// TPM_RSA_KEY_PARMS, 12 + n bytes (Part 2, 10.1.1). Every value decodes.
public struct RSAKeyParms: WireStructure, Equatable {
    /// In bits.
    public var keyLength: UInt32 = 2048
    public var numPrimes: UInt32 = 2
    /// Big endian; empty for the default exponent.
    public var exponent: [UInt8] = []

    public init() {}

    public init(keyLength: UInt32, numPrimes: UInt32, exponent: [UInt8]) {
        self.keyLength = keyLength
        self.numPrimes = numPrimes
        self.exponent = exponent
    }

    /// The exponent as a number, 65537 when it is left out and nil when it is beyond 32 bits.
    public var publicExponent: UInt32? {
        guard !exponent.isEmpty else { return 65537 }
        var value: UInt32 = 0
        for byte in exponent {
            guard value >> 24 == 0 else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("keyLength", &keyLength)
        try coder.uint32("numPrimes", &numPrimes)
        try coder.sized("exponent", .u32("exponentSize"), &exponent)
    }
}

/// TPM_SYMMETRIC_KEY_PARMS, 12 + n bytes (Part 2, 10.1.2). Every value decodes.
public struct SymmetricKeyParms: WireStructure, Equatable {
    /// In bits.
    public var keyLength: UInt32 = 128
    public var blockSize: UInt32 = 128
    /// The initialisation vector, IV on the wire.
    public var iv: [UInt8] = []

    public init() {}

    public init(keyLength: UInt32, blockSize: UInt32, iv: [UInt8]) {
        self.keyLength = keyLength
        self.blockSize = blockSize
        self.iv = iv
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("keyLength", &keyLength)
        try coder.uint32("blockSize", &blockSize)
        try coder.sized("IV", .u32("ivSize"), &iv)
    }
}
