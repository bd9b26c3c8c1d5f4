import TPMCrypto

/// TPM_DELEGATIONS, 14 bytes: the ordinals that are delegated (Part 2, 20.2).
///
/// Another tag is TPM_INVALID_STRUCTURE, an unknown type or a reserved bit TPM_BAD_PARAMETER.
public struct Delegations: WireStructure, Equatable {
    public var delegateType = DelegateType.owner
    /// A bit for each of ``DelegateType/ordinals``.
    public var per1: UInt32 = 0
    /// Reserved, 0.
    public var per2: UInt32 = 0

    public init() {}

    public init(delegateType: DelegateType, per1: UInt32, per2: UInt32 = 0) {
        self.delegateType = delegateType
        self.per1 = per1
        self.per2 = per2
    }

    /// The delegation of the ordinals; those that cannot be delegated are left out.
    public init(delegateType: DelegateType, _ ordinals: [Ordinal]) {
        self.init(delegateType: delegateType, per1: ordinals.reduce(0) { $0 | Self.bit($1, delegateType) })
    }

    /// True when the command is among those delegated (Part 2, 20.2.1 and 20.2.3).
    public func allows(_ ordinal: Ordinal) -> Bool { per1 & Self.bit(ordinal, delegateType) != 0 }

    /// True when every command delegated here is delegated there too.
    public func isSubset(of other: Delegations) -> Bool {
        delegateType == other.delegateType && per1 & ~other.per1 == 0 && per2 & ~other.per2 == 0
    }

    /// The bit of the ordinal in per1, 0 when it has none.
    private static func bit(_ ordinal: Ordinal, _ type: DelegateType) -> UInt32 {
        type.ordinals.firstIndex(of: ordinal).map { 1 << UInt32($0) } ?? 0
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.delegations)
        try coder.value("delegateType", &delegateType)
        try coder.uint32("per1", &per1)
        if coder.isDecoding, UInt64(per1) >> UInt64(delegateType.ordinals.count) != 0 { throw .badParameter }
        try coder.uint32("per2", &per2)
        if coder.isDecoding, per2 != 0 { throw .badParameter }
    }
}

/// TPM_FAMILY_TABLE_ENTRY, 15 bytes (Part 2, 20.5).
///
/// Another tag is TPM_INVALID_STRUCTURE, an undefined flag TPM_BAD_PARAMETER.
public struct FamilyTableEntry: WireStructure, Equatable {
    /// TPM_FAMILY_LABEL, 1 byte of the caller's choice (Part 2, 20.4).
    public var familyLabel: UInt8 = 0
    /// A TPM_FAMILY_ID, 0 for a row that is not used.
    public var familyID: UInt32 = 0
    /// A TPM_FAMILY_VERIFICATION: the generation that a delegation must be of.
    public var verificationCount: UInt32 = 0
    public var flags = FamilyFlags()

    public init() {}

    public init(familyLabel: UInt8, familyID: UInt32, verificationCount: UInt32, flags: FamilyFlags) {
        self.familyLabel = familyLabel
        self.familyID = familyID
        self.verificationCount = verificationCount
        self.flags = flags
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.familyTableEntry)
        try coder.uint8("familyLabel", &familyLabel)
        try coder.uint32("familyID", &familyID)
        try coder.uint32("verificationCount", &verificationCount)
        try coder.value("flags", &flags)
    }
}

/// TPM_FAMILY_TABLE, 15n bytes: rows up to the end (Part 2, 20.6). Throws what ``FamilyTableEntry`` throws.
public struct FamilyTable: WireStructure, Equatable {
    /// TPM_NUM_FAMILY_TABLE_ENTRY_MIN.
    public static let minimumRows = 8

    public var famTableRow: [FamilyTableEntry] = []

    public init() {}

    public init(famTableRow: [FamilyTableEntry]) { self.famTableRow = famTableRow }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.rows("famTableRow", &famTableRow)
    }
}

/// TPM_DELEGATE_PUBLIC, 51 bytes with a 3-byte selection (Part 2, 20.8).
///
/// Another tag is TPM_INVALID_STRUCTURE; the PCR info throws what ``PCRInfoShort`` throws, the permissions what
/// ``Delegations`` throws.
public struct DelegatePublic: WireStructure, Equatable {
    /// TPM_DELEGATE_LABEL, 1 byte of the caller's choice (Part 2, 20.7).
    public var rowLabel: UInt8 = 0
    /// What each use of the delegation demands.
    public var pcrInfo = PCRInfoShort()
    public var permissions = Delegations()
    /// A TPM_FAMILY_ID.
    public var familyID: UInt32 = 0
    /// That of the family when the delegation was made or last verified.
    public var verificationCount: UInt32 = 0

    public init() {}

    public init(
        rowLabel: UInt8, pcrInfo: PCRInfoShort, permissions: Delegations, familyID: UInt32, verificationCount: UInt32
    ) {
        self.rowLabel = rowLabel
        self.pcrInfo = pcrInfo
        self.permissions = permissions
        self.familyID = familyID
        self.verificationCount = verificationCount
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.delegatePublic)
        try coder.uint8("rowLabel", &rowLabel)
        try coder.structure("pcrInfo", &pcrInfo)
        try coder.structure("permissions", &permissions)
        try coder.uint32("familyID", &familyID)
        try coder.uint32("verificationCount", &verificationCount)
    }
}

/// TPM_DELEGATE_TABLE_ROW, 73 bytes with a 3-byte selection (Part 2, 20.9).
///
/// Another tag is TPM_INVALID_STRUCTURE; the public part throws what ``DelegatePublic`` throws.
public struct DelegateTableRow: WireStructure, Equatable {
    public var pub = DelegatePublic()
    public var authValue = Secret(count: Digest.byteCount)

    public init() {}

    public init(pub: DelegatePublic, authValue: Secret) {
        self.pub = pub
        self.authValue = authValue
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.delegateTableRow)
        try coder.structure("pub", &pub)
        try coder.authData("authValue", &authValue)
    }
}

/// TPM_DELEGATE_TABLE, rows up to the end (Part 2, 20.10). Throws what ``DelegateTableRow`` throws.
public struct DelegateTable: WireStructure, Equatable {
    /// TPM_NUM_DELEGATE_TABLE_ENTRY_MIN.
    public static let minimumRows = 2

    public var delRow: [DelegateTableRow] = []

    public init() {}

    public init(delRow: [DelegateTableRow]) { self.delRow = delRow }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.rows("delRow", &delRow)
    }
}

/// One row as TPM_Delegate_ReadTable tells it, 55 bytes with a 3-byte selection (Part 3, 19.5).
///
/// Throws what ``DelegatePublic`` throws.
public struct DelegatePublicRow: WireStructure, Equatable {
    /// A TPM_DELEGATE_INDEX.
    public var index: UInt32 = 0
    public var pub = DelegatePublic()

    public init() {}

    public init(index: UInt32, pub: DelegatePublic) {
        self.index = index
        self.pub = pub
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("index", &index)
        try coder.structure("pub", &pub)
    }
}

/// The delegate table as TPM_Delegate_ReadTable tells it, rows up to the end (Part 3, 19.5). Throws what
/// ``DelegatePublic`` throws.
public struct DelegatePublicTable: WireStructure, Equatable {
    public var rows: [DelegatePublicRow] = []

    public init() {}

    public init(rows: [DelegatePublicRow]) { self.rows = rows }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.rows("rows", &rows)
    }
}

extension FieldCoder {
    /// Structures of more than one byte, one after another up to the end.
    fileprivate mutating func rows<T: WireStructure>(_ name: StaticString, _ values: inout [T]) throws(TPMResult) {
        guard isDecoding else { return try array(name, &values, count: values.count) }
        values = []
        while upcoming != nil {
            var row = T()
            try structure(name, &row)
            values.append(row)
        }
    }
}
