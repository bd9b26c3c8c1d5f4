/// TPM_KeyControlOwner (Part 3, 21.1).
public enum KeyControlOwner: Command {
    public static let ordinal = Ordinal.keyControlOwner
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        /// The key that the handle is to stand for.
        public var pubKey = Pubkey()
        /// A TPM_KEY_CONTROL bit (Part 2, 10.9).
        public var bitName: UInt32 = 0
        public var bitValue = false
        public init() {}
        public init(keyHandle: KeyHandle, pubKey: Pubkey, bitName: UInt32, bitValue: Bool) {
            self.keyHandle = keyHandle
            self.pubKey = pubKey
            self.bitName = bitName
            self.bitValue = bitValue
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubKey", &pubKey)
            try coder.uint32("bitName", &bitName)
            try coder.bool("bitValue", &bitValue)
        }
    }
}

/// TPM_SaveContext (Part 3, 21.2).
public enum SaveContext: Command {
    public static let ordinal = Ordinal.saveContext

    public struct Request: Operands, Equatable {
        public var handle: UInt32 = 0
        public var resourceType = ResourceType.key
        /// 16 bytes of the caller's choice.
        public var label = [UInt8](repeating: 0, count: 16)
        public init() {}
        public init(handle: UInt32, resourceType: ResourceType, label: [UInt8]) {
            self.handle = handle
            self.resourceType = resourceType
            self.label = label
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("handle", &handle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("resourceType", &resourceType, else: .invalidResource)
            try coder.fixed("label", &label, count: 16)
        }
    }

    public struct Response: Operands, Equatable {
        public var contextBlob: ContextBlob? = nil
        public init() {}
        public init(contextBlob: ContextBlob?) {
            self.contextBlob = contextBlob
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedStructure("contextBlob", .u32("contextSize"), &contextBlob)
        }
    }
}

/// TPM_LoadContext (Part 3, 21.3).
public enum LoadContext: Command {
    public static let ordinal = Ordinal.loadContext

    public struct Request: Operands, Equatable {
        /// The key that a saved OSAP session is bound to.
        public var entityHandle: UInt32 = 0
        public var keepHandle = false
        public var contextBlob: ContextBlob? = nil
        public init() {}
        public init(entityHandle: UInt32, keepHandle: Bool, contextBlob: ContextBlob?) {
            self.entityHandle = entityHandle
            self.keepHandle = keepHandle
            self.contextBlob = contextBlob
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("entityHandle", &entityHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.bool("keepHandle", &keepHandle)
            try coder.sizedStructure("contextBlob", .u32("contextSize"), &contextBlob)
        }
    }

    public struct Response: Operands, Equatable {
        public var handle: UInt32 = 0
        public init() {}
        public init(handle: UInt32) {
            self.handle = handle
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("handle", &handle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}
