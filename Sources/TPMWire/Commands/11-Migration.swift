import TPMCrypto

/// A key as it leaves for another TPM: encrypted for a migration key, under a mask of random bytes that travels another
/// way (Part 3, 11.1 and 11.9).
public struct MigrationBlob: Operands, Equatable {
    /// As many bytes as the encoding under the encryption has; none for TPM_MS_REWRAP.
    public var random: [UInt8] = []
    public var outData: [UInt8] = []
    public init() {}
    public init(random: [UInt8], outData: [UInt8]) {
        self.random = random
        self.outData = outData
    }
    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.sized("random", .u32("randomSize"), &random)
        try coder.sized("outData", .u32("outDataSize"), &outData)
    }
}

/// TPM_CreateMigrationBlob (Part 3, 11.1).
public enum CreateMigrationBlob: Command {
    public static let ordinal = Ordinal.createMigrationBlob
    public typealias Response = MigrationBlob

    /// A handle and 6 + n bytes. An unknown scheme is TPM_BAD_PARAMETER; throws what ``MigrationKeyAuth`` throws.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var migrationType = MigrateScheme.migrate
        public var migrationKeyAuth = MigrationKeyAuth()
        /// The encData of a TPM_KEY.
        public var encData: [UInt8] = []
        public init() {}
        public init(
            parentHandle: KeyHandle, migrationType: MigrateScheme, migrationKeyAuth: MigrationKeyAuth, encData: [UInt8]
        ) {
            self.parentHandle = parentHandle
            self.migrationType = migrationType
            self.migrationKeyAuth = migrationKeyAuth
            self.encData = encData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("migrationType", &migrationType)
            try coder.structure("migrationKeyAuth", &migrationKeyAuth)
            try coder.sized("encData", .u32("encDataSize"), &encData)
        }
    }
}

/// TPM_ConvertMigrationBlob (Part 3, 11.2).
public enum ConvertMigrationBlob: Command {
    public static let ordinal = Ordinal.convertMigrationBlob
    public typealias Response = ChangeAuth.Response

    /// A handle and 8 + n bytes.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var inData: [UInt8] = []
        public var random: [UInt8] = []
        public init() {}
        public init(parentHandle: KeyHandle, inData: [UInt8], random: [UInt8]) {
            self.parentHandle = parentHandle
            self.inData = inData
            self.random = random
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("inData", .u32("inDataSize"), &inData)
            try coder.sized("random", .u32("randomSize"), &random)
        }
    }
}

/// TPM_AuthorizeMigrationKey (Part 3, 11.3).
public enum AuthorizeMigrationKey: Command {
    public static let ordinal = Ordinal.authorizeMigrationKey

    /// 2 bytes and the key. An unknown scheme is TPM_BAD_PARAMETER; throws what ``Pubkey`` throws.
    public struct Request: Operands, Equatable {
        public var migrationScheme = MigrateScheme.migrate
        public var migrationKey = Pubkey()
        public init() {}
        public init(migrationScheme: MigrateScheme, migrationKey: Pubkey) {
            self.migrationScheme = migrationScheme
            self.migrationKey = migrationKey
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("migrationScheme", &migrationScheme)
            try coder.structure("migrationKey", &migrationKey)
        }
    }

    public struct Response: Operands, Equatable {
        public var outData = MigrationKeyAuth()
        public init() {}
        public init(outData: MigrationKeyAuth) { self.outData = outData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("outData", &outData)
        }
    }
}

/// TPM_MigrateKey (Part 3, 11.4).
public enum MigrateKey: Command {
    public static let ordinal = Ordinal.migrateKey
    public typealias Response = ChangeAuth.Response

    /// A handle, the key and 4 + n bytes; throws what ``Pubkey`` throws.
    public struct Request: Operands, Equatable {
        public var maKeyHandle = KeyHandle()
        public var pubKey = Pubkey()
        public var inData: [UInt8] = []
        public init() {}
        public init(maKeyHandle: KeyHandle, pubKey: Pubkey, inData: [UInt8]) {
            self.maKeyHandle = maKeyHandle
            self.pubKey = pubKey
            self.inData = inData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("maKeyHandle", &maKeyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubKey", &pubKey)
            try coder.sized("inData", .u32("inDataSize"), &inData)
        }
    }
}
