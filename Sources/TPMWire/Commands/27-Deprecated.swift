import TPMCrypto

/// TPM_Terminate_Handle (Part 3, 27.2).
public enum TerminateHandle: Command {
    public static let ordinal = Ordinal.terminateHandle
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var handle: UInt32 = 0
        public init() {}
        public init(handle: UInt32) { self.handle = handle }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("handle", &handle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_Reset (Part 3, 27.5).
public enum Reset: Command {
    public static let ordinal = Ordinal.reset
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_EvictKey (Part 3, 27.1.1).
public enum EvictKey: Command {
    public static let ordinal = Ordinal.evictKey
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var evictHandle = KeyHandle()
        public init() {}
        public init(evictHandle: KeyHandle) {
            self.evictHandle = evictHandle
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("evictHandle", &evictHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_SaveKeyContext (Part 3, 27.2.1).
public enum SaveKeyContext: Command {
    public static let ordinal = Ordinal.saveKeyContext

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public init() {}
        public init(keyHandle: KeyHandle) {
            self.keyHandle = keyHandle
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }

    public struct Response: Operands, Equatable {
        public var keyContextBlob: [UInt8] = []
        public init() {}
        public init(keyContextBlob: [UInt8]) {
            self.keyContextBlob = keyContextBlob
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("keyContextBlob", .u32("keyContextSize"), &keyContextBlob)
        }
    }
}

/// TPM_LoadKeyContext (Part 3, 27.2.2).
public enum LoadKeyContext: Command {
    public static let ordinal = Ordinal.loadKeyContext

    public struct Request: Operands, Equatable {
        public var keyContextBlob: [UInt8] = []
        public init() {}
        public init(keyContextBlob: [UInt8]) {
            self.keyContextBlob = keyContextBlob
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("keyContextBlob", .u32("keyContextSize"), &keyContextBlob)
        }
    }

    public struct Response: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public init() {}
        public init(keyHandle: KeyHandle) {
            self.keyHandle = keyHandle
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_SaveAuthContext (Part 3, 27.2.3).
public enum SaveAuthContext: Command {
    public static let ordinal = Ordinal.saveAuthContext

    public struct Request: Operands, Equatable {
        public var authHandle: UInt32 = 0
        public init() {}
        public init(authHandle: UInt32) {
            self.authHandle = authHandle
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("authHandle", &authHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }

    public struct Response: Operands, Equatable {
        public var authContextBlob: [UInt8] = []
        public init() {}
        public init(authContextBlob: [UInt8]) {
            self.authContextBlob = authContextBlob
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("authContextBlob", .u32("authContextSize"), &authContextBlob)
        }
    }
}

/// TPM_LoadAuthContext (Part 3, 27.2.4).
public enum LoadAuthContext: Command {
    public static let ordinal = Ordinal.loadAuthContext

    public struct Request: Operands, Equatable {
        public var authContextBlob: [UInt8] = []
        public init() {}
        public init(authContextBlob: [UInt8]) {
            self.authContextBlob = authContextBlob
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("authContextBlob", .u32("authContextSize"), &authContextBlob)
        }
    }

    public struct Response: Operands, Equatable {
        public var authHandle: UInt32 = 0
        public init() {}
        public init(authHandle: UInt32) {
            self.authHandle = authHandle
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("authHandle", &authHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_DirWriteAuth (Part 3, 27.3.1).
public enum DirWriteAuth: Command {
    public static let ordinal = Ordinal.dirWriteAuth
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        /// Only 0 exists.
        public var dirIndex: UInt32 = 0
        public var newContents = Digest()
        public init() {}
        public init(dirIndex: UInt32, newContents: Digest) {
            self.dirIndex = dirIndex
            self.newContents = newContents
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("dirIndex", &dirIndex)
            try coder.digest("newContents", &newContents)
        }
    }
}

/// TPM_DirRead (Part 3, 27.3.2).
public enum DirRead: Command {
    public static let ordinal = Ordinal.dirRead

    public struct Request: Operands, Equatable {
        /// Only 0 exists.
        public var dirIndex: UInt32 = 0
        public init() {}
        public init(dirIndex: UInt32) {
            self.dirIndex = dirIndex
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("dirIndex", &dirIndex)
        }
    }

    public struct Response: Operands, Equatable {
        public var dirContents = Digest()
        public init() {}
        public init(dirContents: Digest) {
            self.dirContents = dirContents
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("dirContents", &dirContents)
        }
    }
}

/// TPM_OwnerReadPubek (Part 3, 27.6).
public enum OwnerReadPubek: Command {
    public static let ordinal = Ordinal.ownerReadPubek
    public typealias Request = NoOperands

    public struct Response: Operands, Equatable {
        public var pubEndorsementKey = Pubkey()
        public init() {}
        public init(pubEndorsementKey: Pubkey) {
            self.pubEndorsementKey = pubEndorsementKey
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubEndorsementKey", &pubEndorsementKey)
        }
    }
}

/// TPM_DisablePubekRead (Part 3, 27.7).
public enum DisablePubekRead: Command {
    public static let ordinal = Ordinal.disablePubekRead
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_LoadKey (Part 3, 27.8).
public enum LoadKey: Command {
    public static let ordinal = Ordinal.loadKey
    public typealias Request = LoadKey2.Request

    public struct Response: Operands, Equatable {
        /// Enters the HMAC, other than that of TPM_LoadKey2.
        public var inkeyHandle = KeyHandle()
        public init() {}
        public init(inkeyHandle: KeyHandle) {
            self.inkeyHandle = inkeyHandle
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("inkeyHandle", &inkeyHandle)
        }
    }
}
