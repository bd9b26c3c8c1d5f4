import TPMCrypto

/// TPM_CMK_SetRestrictions (Part 3, 11.5).
public enum CMKSetRestrictions: Command {
    public static let ordinal = Ordinal.cmkSetRestrictions
    public typealias Response = NoOperands

    /// 4 bytes. A reserved bit is TPM_BAD_PARAMETER.
    public struct Request: Operands, Equatable {
        public var restriction = CMKDelegate()
        public init() {}
        public init(restriction: CMKDelegate) { self.restriction = restriction }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("restriction", &restriction)
        }
    }
}

/// TPM_CMK_ApproveMA (Part 3, 11.6).
public enum CMKApproveMA: Command {
    public static let ordinal = Ordinal.cmkApproveMA

    public struct Request: Operands, Equatable {
        /// Of a ``MSAComposite``.
        public var migrationAuthorityDigest = Digest()
        public init() {}
        public init(migrationAuthorityDigest: Digest) { self.migrationAuthorityDigest = migrationAuthorityDigest }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("migrationAuthorityDigest", &migrationAuthorityDigest)
        }
    }

    public struct Response: Operands, Equatable {
        /// An HMAC with tpmProof over a ``CMKMAApproval``.
        public var outData = Digest()
        public init() {}
        public init(outData: Digest) { self.outData = outData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("outData", &outData)
        }
    }
}

/// TPM_CMK_CreateKey (Part 3, 11.7).
public enum CMKCreateKey: Command {
    public static let ordinal = Ordinal.cmkCreateKey
    public typealias Response = CreateWrapKey.Response

    /// A handle, 60 bytes and the key; throws what ``Key`` throws.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        /// 20 bytes, encrypted.
        public var dataUsageAuth = Secret(count: Digest.byteCount)
        public var keyInfo = Key()
        /// What TPM_CMK_ApproveMA returned.
        public var migrationAuthorityApproval = Digest()
        /// Of a ``MSAComposite``.
        public var migrationAuthorityDigest = Digest()
        public init() {}
        public init(
            parentHandle: KeyHandle, dataUsageAuth: Secret, keyInfo: Key, migrationAuthorityApproval: Digest,
            migrationAuthorityDigest: Digest
        ) {
            self.parentHandle = parentHandle
            self.dataUsageAuth = dataUsageAuth
            self.keyInfo = keyInfo
            self.migrationAuthorityApproval = migrationAuthorityApproval
            self.migrationAuthorityDigest = migrationAuthorityDigest
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("dataUsageAuth", &dataUsageAuth)
            try coder.structure("keyInfo", &keyInfo)
            try coder.digest("migrationAuthorityApproval", &migrationAuthorityApproval)
            try coder.digest("migrationAuthorityDigest", &migrationAuthorityDigest)
        }
    }
}

/// TPM_CMK_CreateTicket (Part 3, 11.8).
public enum CMKCreateTicket: Command {
    public static let ordinal = Ordinal.cmkCreateTicket

    /// The key and 24 + n bytes; throws what ``Pubkey`` throws.
    public struct Request: Operands, Equatable {
        public var verificationKey = Pubkey()
        public var signedData = Digest()
        public var signatureValue: [UInt8] = []
        public init() {}
        public init(verificationKey: Pubkey, signedData: Digest, signatureValue: [UInt8]) {
            self.verificationKey = verificationKey
            self.signedData = signedData
            self.signatureValue = signatureValue
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("verificationKey", &verificationKey)
            try coder.digest("signedData", &signedData)
            try coder.sized("signatureValue", .u32("signatureValueSize"), &signatureValue)
        }
    }

    public struct Response: Operands, Equatable {
        /// An HMAC with tpmProof over a ``CMKSigTicket``.
        public var sigTicket = Digest()
        public init() {}
        public init(sigTicket: Digest) { self.sigTicket = sigTicket }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("sigTicket", &sigTicket)
        }
    }
}

/// TPM_CMK_CreateBlob (Part 3, 11.9).
public enum CMKCreateBlob: Command {
    public static let ordinal = Ordinal.cmkCreateBlob
    public typealias Response = MigrationBlob

    /// A handle and 38 + n bytes. An unknown scheme is TPM_BAD_PARAMETER; throws what ``MigrationKeyAuth`` and
    /// ``MSAComposite`` throw.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var migrationType = MigrateScheme.restrictMigrate
        public var migrationKeyAuth = MigrationKeyAuth()
        /// Of the ``Pubkey`` of the key that is to migrate.
        public var pubSourceKeyDigest = Digest()
        public var msaList = MSAComposite()
        /// A ``CMKAuth`` for TPM_MS_RESTRICT_APPROVE, else empty. The engine decodes it, since the other scheme leaves
        /// it alone.
        public var restrictTicket: [UInt8] = []
        /// What TPM_CMK_CreateTicket returned, 20 bytes, for TPM_MS_RESTRICT_APPROVE, else empty.
        public var sigTicket: [UInt8] = []
        /// The encData of a TPM_KEY12.
        public var encData: [UInt8] = []
        public init() {}
        public init(
            parentHandle: KeyHandle, migrationType: MigrateScheme, migrationKeyAuth: MigrationKeyAuth,
            pubSourceKeyDigest: Digest, msaList: MSAComposite, restrictTicket: [UInt8] = [], sigTicket: [UInt8] = [],
            encData: [UInt8]
        ) {
            self.parentHandle = parentHandle
            self.migrationType = migrationType
            self.migrationKeyAuth = migrationKeyAuth
            self.pubSourceKeyDigest = pubSourceKeyDigest
            self.msaList = msaList
            self.restrictTicket = restrictTicket
            self.sigTicket = sigTicket
            self.encData = encData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("migrationType", &migrationType)
            try coder.structure("migrationKeyAuth", &migrationKeyAuth)
            try coder.digest("pubSourceKeyDigest", &pubSourceKeyDigest)
            try coder.msaList(&msaList)
            try coder.sized("restrictTicket", .u32("restrictTicketSize"), &restrictTicket)
            try coder.sized("sigTicket", .u32("sigTicketSize"), &sigTicket)
            try coder.sized("encData", .u32("encDataSize"), &encData)
        }
    }
}

/// TPM_CMK_ConvertMigration (Part 3, 11.10).
public enum CMKConvertMigration: Command {
    public static let ordinal = Ordinal.cmkConvertMigration
    public typealias Response = ChangeAuth.Response

    /// A handle, 88 + n bytes and the key; throws what ``Key`` and ``MSAComposite`` throw.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var restrictTicket = CMKAuth()
        /// What TPM_CMK_CreateTicket of this TPM returned.
        public var sigTicket = Digest()
        /// The public part of the key, and as its encData the migration blob.
        public var migratedKey = Key()
        public var msaList = MSAComposite()
        public var random: [UInt8] = []
        public init() {}
        public init(
            parentHandle: KeyHandle, restrictTicket: CMKAuth, sigTicket: Digest, migratedKey: Key,
            msaList: MSAComposite, random: [UInt8]
        ) {
            self.parentHandle = parentHandle
            self.restrictTicket = restrictTicket
            self.sigTicket = sigTicket
            self.migratedKey = migratedKey
            self.msaList = msaList
            self.random = random
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("restrictTicket", &restrictTicket)
            try coder.digest("sigTicket", &sigTicket)
            try coder.structure("migratedKey", &migratedKey)
            try coder.msaList(&msaList)
            try coder.sized("random", .u32("randomSize"), &random)
        }
    }
}

extension FieldCoder {
    /// A TPM_MSA_COMPOSITE behind its size; none is TPM_INVALID_STRUCTURE, as an empty one is.
    fileprivate mutating func msaList(_ value: inout MSAComposite) throws(TPMResult) {
        var list: MSAComposite? = value
        try sizedStructure("msaList", .u32("msaListSize"), &list)
        guard let list else { throw .invalidStructure }
        value = list
    }
}
