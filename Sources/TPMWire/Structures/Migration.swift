import TPMCrypto

/// TPM_MIGRATIONKEYAUTH, a TPM_PUBKEY and 22 bytes: the owner's leave for a migration key (Part 2, 5.12).
///
/// Throws what ``Pubkey`` throws; an unknown scheme is TPM_BAD_PARAMETER.
public struct MigrationKeyAuth: WireStructure, Equatable {
    public var migrationKey = Pubkey()
    public var migrationScheme = MigrateScheme.migrate
    public var digest = Digest.zero

    public init() {}

    public init(migrationKey: Pubkey, migrationScheme: MigrateScheme, digest: Digest) {
        self.migrationKey = migrationKey
        self.migrationScheme = migrationScheme
        self.digest = digest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("migrationKey", &migrationKey)
        try coder.value("migrationScheme", &migrationScheme)
        try coder.digest("digest", &digest)
    }
}

/// TPM_MSA_COMPOSITE, 4 + 20n bytes (Part 2, 5.15).
///
/// An empty list is TPM_INVALID_STRUCTURE. The count is bound only by the bytes that follow it.
public struct MSAComposite: WireStructure, Equatable {
    public var migAuthDigest: [Digest] = []

    public init() {}

    public init(migAuthDigest: [Digest]) {
        self.migAuthDigest = migAuthDigest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        guard var count = UInt32(exactly: migAuthDigest.count) else { throw .size }
        try coder.uint32("MSAlist", &count)
        if coder.isDecoding, count == 0 { throw .invalidStructure }
        try coder.digests("migAuthDigest", &migAuthDigest, count: count)
    }
}

/// TPM_CMK_AUTH, 60 bytes (Part 2, 5.16). Every value decodes.
public struct CMKAuth: WireStructure, Equatable {
    public var migrationAuthorityDigest = Digest.zero
    public var destinationKeyDigest = Digest.zero
    public var sourceKeyDigest = Digest.zero

    public init() {}

    public init(migrationAuthorityDigest: Digest, destinationKeyDigest: Digest, sourceKeyDigest: Digest) {
        self.migrationAuthorityDigest = migrationAuthorityDigest
        self.destinationKeyDigest = destinationKeyDigest
        self.sourceKeyDigest = sourceKeyDigest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.digest("migrationAuthorityDigest", &migrationAuthorityDigest)
        try coder.digest("destinationKeyDigest", &destinationKeyDigest)
        try coder.digest("sourceKeyDigest", &sourceKeyDigest)
    }
}

/// TPM_CMK_MIGAUTH, 42 bytes (Part 2, 5.19). Another tag is TPM_INVALID_STRUCTURE.
public struct CMKMigAuth: WireStructure, Equatable {
    public var msaDigest = Digest.zero
    public var pubKeyDigest = Digest.zero

    public init() {}

    public init(msaDigest: Digest, pubKeyDigest: Digest) {
        self.msaDigest = msaDigest
        self.pubKeyDigest = pubKeyDigest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.cmkMigAuth)
        try coder.digest("msaDigest", &msaDigest)
        try coder.digest("pubKeyDigest", &pubKeyDigest)
    }
}

/// TPM_CMK_SIGTICKET, 42 bytes (Part 2, 5.20). Another tag is TPM_INVALID_STRUCTURE.
public struct CMKSigTicket: WireStructure, Equatable {
    public var verKeyDigest = Digest.zero
    public var signedData = Digest.zero

    public init() {}

    public init(verKeyDigest: Digest, signedData: Digest) {
        self.verKeyDigest = verKeyDigest
        self.signedData = signedData
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.cmkSigTicket)
        try coder.digest("verKeyDigest", &verKeyDigest)
        try coder.digest("signedData", &signedData)
    }
}

/// TPM_CMK_MA_APPROVAL, 22 bytes (Part 2, 5.21). Another tag is TPM_INVALID_STRUCTURE.
public struct CMKMAApproval: WireStructure, Equatable {
    public var migrationAuthorityDigest = Digest.zero

    public init() {}

    public init(migrationAuthorityDigest: Digest) {
        self.migrationAuthorityDigest = migrationAuthorityDigest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.cmkMAApproval)
        try coder.digest("migrationAuthorityDigest", &migrationAuthorityDigest)
    }
}

extension FieldCoder {
    /// `count` digests one after another; a decoder stops at the first that is not there.
    mutating func digests(
        _ name: StaticString, _ values: inout [Digest], count: UInt32
    ) throws(TPMResult) {
        if isDecoding {
            values = []
            for _ in 0..<count {
                var value = Digest.zero
                try digest(name, &value)
                values.append(value)
            }
        } else {
            for var value in values { try digest(name, &value) }
        }
    }
}
