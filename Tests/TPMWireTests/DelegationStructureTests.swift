import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 20, against bytes written out by hand.
@Suite struct DelegationStructureTests {
    private var pub: DelegatePublic {
        DelegatePublic(
            rowLabel: 0x61, pcrInfo: Given.infoShort,
            permissions: Delegations(delegateType: .key, [.sign, .loadKey]), familyID: 2, verificationCount: 3)
    }
    private var pubBytes: String {
        "001b 61" + Given.infoShortBytes + "001a 00000002 00004001 00000000" + "00000002 00000003"
    }
    private let entry = FamilyTableEntry(familyLabel: 0x62, familyID: 1, verificationCount: 4, flags: .enabled)
    private let entryBytes = "0025 62 00000001 00000004 00000001"

    @Test func permissions() throws {
        try expectStructure(
            Delegations(delegateType: .owner, per1: 0x8000_0001), tag: .delegations,
            is: "001a 00000001 80000001 00000000")
        let delegations = Delegations(delegateType: .owner, [.keyControlOwner, .daaSign, .extend])
        #expect(delegations.per1 == 0x8000_0001)
        #expect(delegations.allows(.daaSign) && !delegations.allows(.nvReadValue) && !delegations.allows(.extend))
        #expect(Delegations(delegateType: .owner, [.daaSign]).isSubset(of: delegations))
        #expect(!delegations.isSubset(of: Delegations(delegateType: .owner, [.daaSign])))
        #expect(!Delegations(delegateType: .key, per1: 1).isSubset(of: delegations))
    }

    /// Spot checks of both tables, by the bit's number.
    @Test func everyOrdinalHasItsBit() {
        let owner = DelegateType.owner.ordinals
        #expect(owner.count == 32 && Set(owner).count == 32)
        #expect(owner[0] == .daaSign && owner[7] == .setRedirection && owner[12] == .setCapability)
        #expect(owner[17] == .resetLockValue && owner[25] == .nvReadValue && owner[31] == .keyControlOwner)
        let key = DelegateType.key.ordinals
        #expect(key.count == 29 && Set(key).count == 29)
        #expect(key[0] == .loadKey && key[7] == .delegateCreateKeyDelegation && key[14] == .sign)
        #expect(key[18] == .sealx && key[21] == .establishTransport && key[28] == .cmkConvertMigration)
    }

    @Test func anUnknownTypeAndAReservedBitAreBadParameter() throws {
        let owner = Delegations(delegateType: .owner, per1: 1)
        try expectCode(.badParameter, for: owner, with: 3, at: 5)
        try expectCode(.badParameter, for: owner, with: 1, at: 13)
        let key = Delegations(delegateType: .key, per1: 1)
        try expectCode(.badParameter, for: key, with: 0x20, at: 6)
        #expect(code(Delegations.self, try hex("001a 00000002 1fffffff 00000000")) == nil)
        try expectCode(.badParameter, for: entry, with: 4, at: 14)
    }

    @Test func rows() throws {
        try expectStructure(entry, tag: .familyTableEntry, is: entryBytes)
        try expectStructure(pub, tag: .delegatePublic, is: pubBytes)
        try expectStructure(
            DelegateTableRow(pub: pub, authValue: Given.auth), tag: .delegateTableRow,
            is: "001c" + pubBytes + Given.authBytes)
    }

    @Test func tablesAreRowsUpToTheEnd() throws {
        let bytes = try hex(entryBytes + entryBytes)
        let table = FamilyTable(famTableRow: [entry, entry])
        #expect(try table.encoded() == bytes)
        #expect(try WireDecoder.decode(FamilyTable.self, from: bytes) == table)
        #expect(try WireDecoder.decode(FamilyTable.self, from: []) == FamilyTable())
        for count in 1..<bytes.count where count != 15 {
            #expect(code(FamilyTable.self, Array(bytes.prefix(count))) == .badParamSize, "\(count) bytes")
        }
        let delegates = DelegateTable(delRow: [DelegateTableRow(pub: pub, authValue: Given.auth)])
        let row = try hex("001c" + pubBytes + Given.authBytes)
        #expect(try delegates.encoded() == row)
        #expect(try WireDecoder.decode(DelegateTable.self, from: row) == delegates)
        #expect(code(DelegateTable.self, row + [0]) == .badParamSize)
    }

    @Test func blobs() throws {
        try expectStructure(
            DelegateSensitive(authValue: Given.auth), tag: .delegateSensitive, is: "0026" + Given.authBytes)
        try expectStructure(
            DelegateOwnerBlob(
                pub: pub, integrityDigest: Given.nonce, additionalArea: [1], sensitiveArea: Secret([2, 3])),
            tag: .delegateOwnerBlob,
            is: "002a" + pubBytes + Given.nonceBytes + "00000001 01 00000002 0203")
        try expectStructure(
            DelegateKeyBlob(
                pub: pub, integrityDigest: Given.nonce, pubKeyDigest: Digest(repeating: 0xb1), additionalArea: [],
                sensitiveArea: [2]),
            tag: .delgKeyBlob,
            is: "0027" + pubBytes + Given.nonceBytes + repeated("b1", 20) + "00000000 00000001 02")
    }
}
