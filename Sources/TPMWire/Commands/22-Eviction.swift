/// TPM_FlushSpecific (Part 3, 22.1).
public enum FlushSpecific: Command {
    public static let ordinal = Ordinal.flushSpecific
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var handle: UInt32 = 0
        public var resourceType = ResourceType.auth
        public init() {}
        public init(handle: UInt32, resourceType: ResourceType) {
            self.handle = handle
            self.resourceType = resourceType
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("handle", &handle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("resourceType", &resourceType, else: .invalidResource)
        }
    }
}
