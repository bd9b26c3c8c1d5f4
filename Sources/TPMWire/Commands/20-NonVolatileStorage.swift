import TPMCrypto

/// TPM_NV_DefineSpace (Part 3, 20.1).
public enum NVDefineSpace: Command {
    public static let ordinal = Ordinal.nvDefineSpace
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        /// A dataSize of 0 deletes the area.
        public var pubInfo = NVDataPublic()
        /// 20 bytes: encrypted with owner authorization, in the clear without.
        public var encAuth = Secret(count: Digest.byteCount)
        public init() {}
        public init(pubInfo: NVDataPublic, encAuth: Secret) {
            self.pubInfo = pubInfo
            self.encAuth = encAuth
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubInfo", &pubInfo)
            try coder.authData("encAuth", &encAuth)
        }
    }
}

/// TPM_NV_WriteValue (Part 3, 20.2).
public enum NVWriteValue: Command {
    public static let ordinal = Ordinal.nvWriteValue
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var nvIndex: UInt32 = 0
        public var offset: UInt32 = 0
        /// No data locks the area as its attributes say.
        public var data: [UInt8] = []
        public init() {}
        public init(nvIndex: UInt32, offset: UInt32, data: [UInt8]) {
            self.nvIndex = nvIndex
            self.offset = offset
            self.data = data
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("nvIndex", &nvIndex)
            try coder.uint32("offset", &offset)
            try coder.sized("data", .u32("dataSize"), &data)
        }
    }
}

/// TPM_NV_WriteValueAuth (Part 3, 20.3).
public enum NVWriteValueAuth: Command {
    public static let ordinal = Ordinal.nvWriteValueAuth
    public typealias Request = NVWriteValue.Request
    public typealias Response = NoOperands
}

/// TPM_NV_ReadValue (Part 3, 20.4).
public enum NVReadValue: Command {
    public static let ordinal = Ordinal.nvReadValue

    public struct Request: Operands, Equatable {
        public var nvIndex: UInt32 = 0
        public var offset: UInt32 = 0
        /// 0 locks the area as its attributes say.
        public var dataSize: UInt32 = 0
        public init() {}
        public init(nvIndex: UInt32, offset: UInt32, dataSize: UInt32) {
            self.nvIndex = nvIndex
            self.offset = offset
            self.dataSize = dataSize
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("nvIndex", &nvIndex)
            try coder.uint32("offset", &offset)
            try coder.uint32("dataSize", &dataSize)
        }
    }

    public struct Response: Operands, Equatable {
        public var data: [UInt8] = []
        public init() {}
        public init(data: [UInt8]) {
            self.data = data
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("data", .u32("dataSize"), &data)
        }
    }
}

/// TPM_NV_ReadValueAuth (Part 3, 20.5).
public enum NVReadValueAuth: Command {
    public static let ordinal = Ordinal.nvReadValueAuth
    public typealias Request = NVReadValue.Request
    public typealias Response = NVReadValue.Response
}
