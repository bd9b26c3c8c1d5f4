import TPMCrypto

/// TPM_OIAP (Part 3, 18.1).
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
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("authHandle", &authHandle)
            try coder.digest("nonceEven", &nonceEven)
        }
    }
}
