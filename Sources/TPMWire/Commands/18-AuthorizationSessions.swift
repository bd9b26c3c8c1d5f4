import TPMCrypto

/// TPM_OIAP (Part 3, 18.1). The answer enters no HMAC.
public enum OIAP: Command {
    public static let ordinal = Ordinal.oiap
    public typealias Request = NoOperands

    public struct Response: Operands, Equatable {
        public var authHandle: UInt32 = 0
        public var nonceEven = Digest()
        public init() {}
        public init(authHandle: UInt32, nonceEven: Digest) {
            self.authHandle = authHandle
            self.nonceEven = nonceEven
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("authHandle", &authHandle)
            try coder.digest("nonceEven", &nonceEven)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_OSAP (Part 3, 18.2). Neither operands nor answer enter an HMAC.
public enum OSAP: Command {
    public static let ordinal = Ordinal.osap

    public struct Request: Operands, Equatable {
        /// The entity in the low byte, the ADIP scheme in the high one.
        public var entityType = EntityType(rawValue: 0)
        /// A key handle, an NV index or a counter; ignored for the owner and the SRK.
        public var entityValue: UInt32 = 0
        public var nonceOddOSAP = Digest()
        public init() {}
        public init(entityType: EntityType, entityValue: UInt32, nonceOddOSAP: Digest) {
            self.entityType = entityType
            self.entityValue = entityValue
            self.nonceOddOSAP = nonceOddOSAP
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("entityType", &entityType)
            try coder.uint32("entityValue", &entityValue)
            try coder.digest("nonceOddOSAP", &nonceOddOSAP)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }

    public struct Response: Operands, Equatable {
        public var authHandle: UInt32 = 0
        public var nonceEven = Digest()
        public var nonceEvenOSAP = Digest()
        public init() {}
        public init(authHandle: UInt32, nonceEven: Digest, nonceEvenOSAP: Digest) {
            self.authHandle = authHandle
            self.nonceEven = nonceEven
            self.nonceEvenOSAP = nonceEvenOSAP
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("authHandle", &authHandle)
            try coder.digest("nonceEven", &nonceEven)
            try coder.digest("nonceEvenOSAP", &nonceEvenOSAP)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_DSAP (Part 3, 18.3). Of the operands the entity's value alone enters a digest, of the answer nothing.
public enum DSAP: Command {
    public static let ordinal = Ordinal.dsap

    public struct Request: Operands, Equatable {
        /// The kind of delegation in the low byte, the ADIP scheme in the high one.
        public var entityType = EntityType(rawValue: 0)
        /// The key whose use is delegated; ignored for a delegation of the owner's.
        public var keyHandle = KeyHandle()
        public var nonceOddDSAP = Digest()
        /// A ``DelegateOwnerBlob``, a ``DelegateKeyBlob``, or the 4 bytes of a row's index.
        public var entityValue: [UInt8] = []
        /// As it came; what goes out is the size that entityValue has.
        private var entityValueSize: UInt32 = 0
        public init() {}
        public init(entityType: EntityType, keyHandle: KeyHandle, nonceOddDSAP: Digest, entityValue: [UInt8]) {
            self.entityType = entityType
            self.keyHandle = keyHandle
            self.nonceOddDSAP = nonceOddDSAP
            self.entityValue = entityValue
            entityValueSize = UInt32(clamping: entityValue.count)
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            if !coder.isDecoding { entityValueSize = UInt32(clamping: entityValue.count) }
            try coder.value("entityType", &entityType)
            try coder.value("keyHandle", &keyHandle)
            try coder.digest("nonceOddDSAP", &nonceOddDSAP)
            try coder.uint32("entityValueSize", &entityValueSize)
        }
        /// entityValue alone enters a digest: no trailer follows it, so that it ends with the command.
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.rest("entityValue", &entityValue)
            if coder.isDecoding, entityValue.count != Int(entityValueSize) { throw .badParamSize }
        }
    }

    public struct Response: Operands, Equatable {
        public var authHandle: UInt32 = 0
        public var nonceEven = Digest()
        public var nonceEvenDSAP = Digest()
        public init() {}
        public init(authHandle: UInt32, nonceEven: Digest, nonceEvenDSAP: Digest) {
            self.authHandle = authHandle
            self.nonceEven = nonceEven
            self.nonceEvenDSAP = nonceEvenDSAP
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("authHandle", &authHandle)
            try coder.digest("nonceEven", &nonceEven)
            try coder.digest("nonceEvenDSAP", &nonceEvenDSAP)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_SetOwnerPointer (Part 3, 18.4).
public enum SetOwnerPointer: Command {
    public static let ordinal = Ordinal.setOwnerPointer
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var entityType = EntityType(rawValue: 0)
        /// A row of the delegation table; ignored for the owner.
        public var entityValue: UInt32 = 0
        public init() {}
        public init(entityType: EntityType, entityValue: UInt32) {
            self.entityType = entityType
            self.entityValue = entityValue
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("entityType", &entityType)
            try coder.uint32("entityValue", &entityValue)
        }
    }
}
