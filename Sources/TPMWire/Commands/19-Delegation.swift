import TPMCrypto

/// TPM_Delegate_Manage (Part 3, 19.1).
public enum DelegateManage: Command {
    public static let ordinal = Ordinal.delegateManage

    /// 12 + n bytes. Every operation decodes: one that is not known is the engine's to answer.
    public struct Request: Operands, Equatable {
        /// A TPM_FAMILY_ID; ignored when a family is created.
        public var familyID: UInt32 = 0
        /// A ``FamilyOperation``.
        public var opCode: UInt32 = 0
        /// The label of a new family, or one BOOL.
        public var opData: [UInt8] = []
        public init() {}
        public init(familyID: UInt32 = 0, opCode: FamilyOperation, opData: [UInt8] = []) {
            self.familyID = familyID
            self.opCode = opCode.rawValue
            self.opData = opData
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("familyID", &familyID)
            try coder.uint32("opCode", &opCode)
            coder.meaning(FamilyOperation(rawValue: opCode).flatMap(WireName.of))
            try coder.sized("opData", .u32("opDataSize"), &opData)
        }
    }

    /// 4 + n bytes.
    public struct Response: Operands, Equatable {
        /// The ID of a new family, 4 bytes; else nothing.
        public var retData: [UInt8] = []
        public init() {}
        public init(retData: [UInt8]) { self.retData = retData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("retData", .u32("retDataSize"), &retData)
        }
    }
}

/// TPM_Delegate_CreateKeyDelegation (Part 3, 19.2).
public enum DelegateCreateKeyDelegation: Command {
    public static let ordinal = Ordinal.delegateCreateKeyDelegation

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public var publicInfo = DelegatePublic()
        /// 20 bytes, encrypted.
        public var delAuth = Secret(count: Digest.byteCount)
        public init() {}
        public init(keyHandle: KeyHandle, publicInfo: DelegatePublic, delAuth: Secret) {
            self.keyHandle = keyHandle
            self.publicInfo = publicInfo
            self.delAuth = delAuth
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("publicInfo", &publicInfo)
            try coder.authData("delAuth", &delAuth)
        }
    }

    public struct Response: Operands, Equatable {
        public var blob: DelegateKeyBlob?
        public init() {}
        public init(blob: DelegateKeyBlob) { self.blob = blob }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedStructure("blob", .u32("blobSize"), &blob)
        }
    }
}

/// TPM_Delegate_CreateOwnerDelegation (Part 3, 19.3).
public enum DelegateCreateOwnerDelegation: Command {
    public static let ordinal = Ordinal.delegateCreateOwnerDelegation

    public struct Request: Operands, Equatable {
        /// Whether the family's count goes up, which ends all its other delegations.
        public var increment = false
        public var publicInfo = DelegatePublic()
        /// 20 bytes, encrypted.
        public var delAuth = Secret(count: Digest.byteCount)
        public init() {}
        public init(increment: Bool = false, publicInfo: DelegatePublic, delAuth: Secret) {
            self.increment = increment
            self.publicInfo = publicInfo
            self.delAuth = delAuth
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.bool("increment", &increment)
            try coder.structure("publicInfo", &publicInfo)
            try coder.authData("delAuth", &delAuth)
        }
    }

    public struct Response: Operands, Equatable {
        public var blob: DelegateOwnerBlob?
        public init() {}
        public init(blob: DelegateOwnerBlob) { self.blob = blob }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedStructure("blob", .u32("blobSize"), &blob)
        }
    }
}

/// TPM_Delegate_LoadOwnerDelegation (Part 3, 19.4).
public enum DelegateLoadOwnerDelegation: Command {
    public static let ordinal = Ordinal.delegateLoadOwnerDelegation
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        /// A TPM_DELEGATE_INDEX: the row to write. It enters the HMAC.
        public var index: UInt32 = 0
        public var blob: DelegateOwnerBlob?
        public init() {}
        public init(index: UInt32, blob: DelegateOwnerBlob) {
            self.index = index
            self.blob = blob
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("index", &index)
            try coder.sizedStructure("blob", .u32("blobSize"), &blob)
        }
    }
}

/// TPM_Delegate_ReadTable (Part 3, 19.5).
public enum DelegateReadTable: Command {
    public static let ordinal = Ordinal.delegateReadTable
    public typealias Request = NoOperands

    public struct Response: Operands, Equatable {
        /// Nil without any family.
        public var familyTable: FamilyTable?
        /// Nil without any row.
        public var delegateTable: DelegatePublicTable?
        public init() {}
        public init(families: [FamilyTableEntry], rows: [DelegatePublicRow]) {
            familyTable = families.isEmpty ? nil : FamilyTable(famTableRow: families)
            delegateTable = rows.isEmpty ? nil : DelegatePublicTable(rows: rows)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedStructure("familyTable", .u32("familyTableSize"), &familyTable)
            try coder.sizedStructure("delegateTable", .u32("delegateTableSize"), &delegateTable)
        }
    }
}

/// TPM_Delegate_UpdateVerification (Part 3, 19.6).
public enum DelegateUpdateVerification: Command {
    public static let ordinal = Ordinal.delegateUpdateVerification

    /// 4 + n bytes.
    public struct Request: Operands, Equatable {
        /// A ``DelegateOwnerBlob``, a ``DelegateKeyBlob`` or the 4 bytes of a row's index.
        public var inputData: [UInt8] = []
        public init() {}
        public init(inputData: [UInt8]) { self.inputData = inputData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("inputData", .u32("inputSize"), &inputData)
        }
    }

    /// 4 + n bytes.
    public struct Response: Operands, Equatable {
        /// The blob that came in, with the family's count; nothing for a row.
        public var outputData: [UInt8] = []
        public init() {}
        public init(outputData: [UInt8]) { self.outputData = outputData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("outputData", .u32("outputSize"), &outputData)
        }
    }
}

/// TPM_Delegate_VerifyDelegation (Part 3, 19.7).
public enum DelegateVerifyDelegation: Command {
    public static let ordinal = Ordinal.delegateVerifyDelegation
    public typealias Response = NoOperands

    /// 4 + n bytes.
    public struct Request: Operands, Equatable {
        /// A ``DelegateOwnerBlob`` or a ``DelegateKeyBlob``.
        public var delegation: [UInt8] = []
        public init() {}
        public init(delegation: [UInt8]) { self.delegation = delegation }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("delegation", .u32("delegationSize"), &delegation)
        }
    }
}
