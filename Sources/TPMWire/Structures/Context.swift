import TPMCrypto

/// TPM_CONTEXT_BLOB: a resource saved outside the TPM (Part 2, 18.1).
public struct ContextBlob: WireStructure, Equatable {
    public var resourceType = ResourceType.key
    public var handle: UInt32 = 0
    /// 16 bytes of the caller's choice.
    public var label = [UInt8](repeating: 0, count: 16)
    public var contextCount: UInt32 = 0
    public var integrityDigest = Digest()
    public var additionalData: [UInt8] = []
    public var sensitiveData: [UInt8] = []

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.contextBlob)
        try coder.value("resourceType", &resourceType, else: .invalidResource)
        try coder.uint32("handle", &handle)
        try coder.fixed("label", &label, count: 16)
        try coder.uint32("contextCount", &contextCount)
        try coder.digest("integrityDigest", &integrityDigest)
        try coder.sized("additionalData", .u32("additionalSize"), &additionalData)
        try coder.sized("sensitiveData", .u32("sensitiveSize"), &sensitiveData)
    }
}

/// TPM_CONTEXT_SENSITIVE: what the blob keeps encrypted (Part 2, 18.2).
public struct ContextSensitive: WireStructure, Equatable {
    public var contextNonce = Digest()
    public var internalData = Secret(count: 0)

    public init() {}

    public init(contextNonce: Digest, internalData: Secret) {
        self.contextNonce = contextNonce
        self.internalData = internalData
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.contextSensitive)
        try coder.digest("contextNonce", &contextNonce)
        try coder.sizedSecret("internalData", .u32("internalSize"), &internalData)
    }
}
