import TPMCrypto

/// TPM_STORE_PUBKEY, 4 + n bytes: the modulus of an RSA key (Part 2, 10.4). Every value decodes.
public struct StorePubkey: WireStructure, Equatable {
    public var key: [UInt8] = []

    public init() {}

    public init(key: [UInt8]) {
        self.key = key
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.sized("key", .u32("keyLength"), &key)
    }
}

/// TPM_PUBKEY, a TPM_KEY_PARMS and a TPM_STORE_PUBKEY (Part 2, 10.5). Throws what ``KeyParms`` throws.
public struct Pubkey: WireStructure, Equatable {
    public var algorithmParms = KeyParms()
    public var pubKey = StorePubkey()

    public init() {}

    public init(algorithmParms: KeyParms, pubKey: StorePubkey) {
        self.algorithmParms = algorithmParms
        self.pubKey = pubKey
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("algorithmParms", &algorithmParms)
        try coder.structure("pubKey", &pubKey)
    }
}

/// TPM_STORE_PRIVKEY, 4 + n bytes: one prime of an RSA key (Part 2, 10.7). Every value decodes.
public struct StorePrivkey: WireStructure, Equatable {
    public var key = Secret([])

    public init() {}

    public init(key: Secret) {
        self.key = key
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.sizedSecret("key", .u32("keyLength"), &key)
    }
}

/// TPM_STORE_ASYMKEY, 65 + n bytes: the plaintext of a key's encrypted part (Part 2, 10.6).
///
/// A payload type that is not defined is TPM_INVALID_STRUCTURE.
public struct StoreAsymkey: WireStructure, Equatable {
    public var payload = PayloadType.asym
    public var usageAuth = Secret(count: Digest.byteCount)
    public var migrationAuth = Secret(count: Digest.byteCount)
    public var pubDataDigest = Digest.zero
    public var privKey = StorePrivkey()

    public init() {}

    public init(
        payload: PayloadType, usageAuth: Secret, migrationAuth: Secret, pubDataDigest: Digest,
        privKey: StorePrivkey
    ) {
        self.payload = payload
        self.usageAuth = usageAuth
        self.migrationAuth = migrationAuth
        self.pubDataDigest = pubDataDigest
        self.privKey = privKey
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("payload", &payload, else: .invalidStructure)
        try coder.authData("usageAuth", &usageAuth)
        try coder.authData("migrationAuth", &migrationAuth)
        try coder.digest("pubDataDigest", &pubDataDigest)
        try coder.structure("privKey", &privKey)
    }
}

/// TPM_MIGRATE_ASYMKEY, 45 + n bytes: a key on its way to another TPM (Part 2, 10.8).
///
/// A payload type that is not defined is TPM_INVALID_STRUCTURE.
public struct MigrateAsymkey: WireStructure, Equatable {
    public var payload = PayloadType.migrate
    public var usageAuth = Secret(count: Digest.byteCount)
    public var pubDataDigest = Digest.zero
    public var partPrivKey = Secret([])

    public init() {}

    public init(payload: PayloadType, usageAuth: Secret, pubDataDigest: Digest, partPrivKey: Secret) {
        self.payload = payload
        self.usageAuth = usageAuth
        self.pubDataDigest = pubDataDigest
        self.partPrivKey = partPrivKey
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("payload", &payload, else: .invalidStructure)
        try coder.authData("usageAuth", &usageAuth)
        try coder.digest("pubDataDigest", &pubDataDigest)
        try coder.sizedSecret("partPrivKey", .u32("partPrivKeyLen"), &partPrivKey)
    }
}
