import TPMCrypto
import TPMWire

/// TPM_PERMANENT_DATA -> familyTable, delegateTable and lastFamilyID (Part 2, 7.4, 20.6 and 20.10).
///
/// The tables belong to the TPM and not to its owner: what was loaded before there was one stays (Part 1, 29.1).
public struct DelegationTables: Sendable, Equatable {
    /// Rows of the family table, twice as many as there have to be.
    public static let familyRows = 2 * FamilyTable.minimumRows
    /// Rows of the delegate table, twice as many as there have to be.
    public static let delegateRows = 2 * DelegateTable.minimumRows

    /// The families in the order of their making; a row that is not used is not in it.
    public private(set) var families: [FamilyTableEntry] = []
    /// The delegations by the index of their row.
    public private(set) var rows: [UInt32: DelegateTableRow] = [:]
    public private(set) var lastFamilyID: UInt32 = 0

    public init() {}

    /// The tables with these rows; TPM_BADINDEX and TPM_NOSPACE when there cannot be such tables.
    init(
        families: [FamilyTableEntry], rows: [(index: UInt32, row: DelegateTableRow)], lastFamilyID: UInt32
    ) throws(TPMResult) {
        guard families.count <= Self.familyRows else { throw .noSpace }
        let ids = Set(families.map(\.familyID))
        guard ids.count == families.count, !ids.contains(0) else { throw .badIndex }
        self.families = families
        for (index, row) in rows {
            guard self.rows[index] == nil else { throw .badIndex }
            try set(row, at: index)
        }
        self.lastFamilyID = lastFamilyID
    }

    /// A family by its ID, or TPM_BADINDEX.
    func family(_ id: UInt32) throws(TPMResult) -> FamilyTableEntry { families[try position(id)] }

    /// A delegation by the index of its row, or TPM_BADINDEX.
    func row(_ index: UInt32) throws(TPMResult) -> DelegateTableRow {
        guard let row = rows[index] else { throw .badIndex }
        return row
    }

    /// The family of a delegation that may be used now: TPM_BADINDEX without one, TPM_DISABLED_CMD when it is not
    /// enabled, TPM_FAMILYCOUNT when it was verified since (Part 3, 18.3 actions 1.c to 1.f and 19.7 actions 4 to 7).
    func checkUsable(_ delegation: DelegatePublic) throws(TPMResult) {
        let family = try enabledFamily(delegation.familyID)
        guard family.verificationCount == delegation.verificationCount else { throw .familyCount }
    }

    /// A family by its ID: TPM_BADINDEX without one, TPM_DISABLED_CMD when it is not enabled.
    @discardableResult
    func enabledFamily(_ id: UInt32) throws(TPMResult) -> FamilyTableEntry {
        let family = try family(id)
        guard family.flags.contains(.enabled) else { throw .disabledCmd }
        return family
    }

    /// Makes a family that is neither enabled nor locked (Part 3, 19.1 action 5); TPM_NOSPACE.
    mutating func createFamily(label: UInt8) throws(TPMResult) -> UInt32 {
        guard families.count < Self.familyRows else { throw .noSpace }
        // The number may wrap, and then it must not be one that is in use, nor 0.
        repeat { lastFamilyID &+= 1 } while lastFamilyID == 0 || families.contains { $0.familyID == lastFamilyID }
        families.append(
            FamilyTableEntry(familyLabel: label, familyID: lastFamilyID, verificationCount: 1, flags: []))
        return lastFamilyID
    }

    /// Sets or clears a flag of a family, or TPM_BADINDEX.
    mutating func setFlag(_ flag: FamilyFlags, _ value: Bool, ofFamily id: UInt32) throws(TPMResult) {
        let position = try position(id)
        if value { families[position].flags.insert(flag) } else { families[position].flags.remove(flag) }
    }

    /// Counts a family's verification up, which ends its delegations. TPM_FAMILYCOUNT at the last number: to begin
    /// again would bring the first delegations back.
    mutating func incrementVerification(ofFamily id: UInt32) throws(TPMResult) {
        let position = try position(id)
        guard families[position].verificationCount < .max else { throw .familyCount }
        families[position].verificationCount += 1
    }

    /// Drops a family and the delegations of it (Part 3, 19.1 action 9); TPM_BADINDEX.
    mutating func invalidateFamily(_ id: UInt32) throws(TPMResult) {
        families.remove(at: try position(id))
        rows = rows.filter { $0.value.pub.familyID != id }
    }

    /// Writes a row, or TPM_BADINDEX.
    mutating func set(_ row: DelegateTableRow, at index: UInt32) throws(TPMResult) {
        guard index < UInt32(Self.delegateRows) else { throw .badIndex }
        rows[index] = row
    }

    /// Drops all families and delegations; the numbers go on (Part 3, 6.2 actions 4.j, 5.d and 13).
    mutating func removeAll() {
        families = []
        rows = [:]
    }

    private func position(_ id: UInt32) throws(TPMResult) -> Int {
        guard let position = families.firstIndex(where: { $0.familyID == id }) else { throw .badIndex }
        return position
    }
}

extension Execution {
    /// Ends what is authorized by a delegation: sessions, saved ones too, and the owner's pointer to a row (Part 3, 19.1
    /// action 4, 19.3 action 6 and 19.4 actions 11 and 12.c).
    mutating func invalidateDelegatedSessions() {
        state.any.sessions.closeDelegated()
        state.any.contexts.removeDelegated()
        state.any.contexts11.removeDelegated()
        state.clear.ownerReference = .owner
    }
}
