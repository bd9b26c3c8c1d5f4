import Testing

@testable import TPMWire

@Suite("Ordinals (Part 2, sections 17 and 17.1)")
struct OrdinalTableTests {
    @Test("All named rows are there, once")
    func uniqueness() {
        let rows = OrdinalTable.rows
        #expect(rows.count == 125)
        #expect(Set(rows.map(\.ordinal)).count == rows.count)
        #expect(Set(rows.map(\.name)).count == rows.count)
        #expect(rows.filter { $0.name.hasPrefix("TPM_ORD_") }.count == 123)
        #expect(rows.filter { $0.name.hasPrefix("TSC_ORD_") }.count == 2)
    }

    @Test("Every row is found by its ordinal, which is described by its name")
    func lookups() {
        for row in OrdinalTable.rows {
            #expect(OrdinalTable.row(for: row.ordinal)?.name == row.name)
            #expect(row.ordinal.description == row.name)
        }
    }

    @Test(
        "Unnamed ordinals have no row",
        arguments: [
            0, 9, 0x4E, 0xC9, 0xD9, 0xFF, 0x100, 0x3FFF_FFFF, 0x4000_0000, 0x4000_0009, 0x4000_000C, 0x4000_000F,
            0x4000_0010, 0x8000_000A, UInt32.max,
        ] as [UInt32])
    func unknown(number: UInt32) {
        #expect(OrdinalTable.row(for: Ordinal(rawValue: number)) == nil)
    }

    @Test("An unnamed ordinal is described by its number")
    func unknownDescription() {
        #expect(Ordinal(rawValue: 0x2000_00AB).description == "0x200000AB")
        #expect(Ordinal(rawValue: 0xFF).description == "0x000000FF")
    }

    @Test(
        "Ordinals have their numbers and names",
        arguments: [
            (Ordinal.oiap, 10, "TPM_ORD_OIAP"),
            (.takeOwnership, 13, "TPM_ORD_TakeOwnership"),
            (.cmkCreateKey, 19, "TPM_ORD_CMK_CreateKey"),
            (.extend, 20, "TPM_ORD_Extend"),
            (.pcrRead, 21, "TPM_ORD_PcrRead"),
            (.unbind, 30, "TPM_ORD_UnBind"),
            (.loadKey2, 65, "TPM_ORD_LoadKey2"),
            (.getCapability, 101, "TPM_ORD_GetCapability"),
            (.tpmInit, 151, "TPM_ORD_Init"),
            (.sha1Start, 160, "TPM_ORD_SHA1Start"),
            (.nvDefineSpace, 204, "TPM_ORD_NV_DefineSpace"),
            (.delegateCreateKeyDelegation, 212, "TPM_ORD_Delegate_CreateKeyDelegation"),
            (.delegateCreateOwnerDelegation, 213, "TPM_ORD_Delegate_CreateOwnerDelegation"),
            (.delegateLoadOwnerDelegation, 216, "TPM_ORD_Delegate_LoadOwnerDelegation"),
            (.tickStampBlob, 242, "TPM_ORD_TickStampBlob"),
            (.tscPhysicalPresence, 0x4000_000A, "TSC_ORD_PhysicalPresence"),
            (.tscResetEstablishmentBit, 0x4000_000B, "TSC_ORD_ResetEstablishmentBit"),
        ] as [(Ordinal, UInt32, String)])
    func numbers(ordinal: Ordinal, number: UInt32, name: String) {
        #expect(ordinal.rawValue == number)
        #expect(ordinal.description == name)
    }
}

// MARK: - The columns

extension OrdinalTableTests {
    @Test("The columns hold as many marks as the specification's table")
    func columnCounts() {
        let rows = OrdinalTable.rows
        #expect(rows.filter(\.auth2).count == 9)
        #expect(rows.filter(\.auth1).count == 71)
        #expect(rows.filter(\.rqu).count == 81)
        #expect(rows.filter(\.optional).count == 30)
        #expect(rows.filter(\.noOwner).count == 53)
        #expect(rows.filter(\.physicalPresence).count == 16)
        #expect(rows.filter(\.pcrUseEnforced).count == 34)
        #expect(rows.filter { $0.audit == .default }.count == 28)
        #expect(rows.filter(\.fipsChanges).count == 6)
        #expect(rows.filter { $0.availableDeactivated == .yes }.count == 28)
        #expect(rows.filter { $0.availableDisabled == .yes }.count == 26)
    }

    @Test("Every command can be run with some number of sessions")
    func sessions() {
        #expect(OrdinalTable.rows.allSatisfy { $0.auth2 || $0.auth1 || $0.rqu })
    }

    @Test("Rare entries belong to the right commands")
    func rareEntries() {
        func ordinals(_ isWanted: (OrdinalRow) -> Bool) -> Set<Ordinal> {
            Set(OrdinalTable.rows.filter(isWanted).map(\.ordinal))
        }
        #expect(
            ordinals(\.auth2) == [
                .activateIdentity, .certifyKey, .certifyKey2, .changeAuth, .createMigrationBlob, .fieldUpgrade,
                .makeIdentity, .releaseTransportSigned, .unseal,
            ])
        #expect(
            ordinals { $0.audit == .never } == [
                .getAuditDigest, .getAuditDigestSigned, .getAuditEvent, .getAuditEventSigned, .getOrdinalAuditStatus,
            ])
        #expect(ordinals { $0.duration == .variable } == [.executeTransport, .fieldUpgrade])
        #expect(
            ordinals(\.fipsChanges) == [
                .cmkCreateKey, .continueSelfTest, .createWrapKey, .loadKey, .loadKey2, .makeIdentity,
            ])
        #expect(
            ordinals { $0.availableDeactivated == .sometimes } == [.nvDefineSpace, .nvReadValue, .nvWriteValue])
        #expect(
            ordinals { $0.availableDisabled == .sometimes } == [.nvDefineSpace, .nvReadValue, .nvWriteValue])
        #expect(
            ordinals { ($0.availableDeactivated == .yes) != ($0.availableDisabled == .yes) } == [
                .physicalDisable, .physicalSetDeactivated, .setTempDeactivated, .takeOwnership,
            ])
    }

    @Test("TPM_ORD_OIAP")
    func oiap() throws {
        let row = try #require(OrdinalTable.row(for: .oiap))
        #expect(!row.auth2 && !row.auth1 && row.rqu)
        #expect(row.noOwner && !row.optional && !row.physicalPresence && !row.pcrUseEnforced)
        #expect(row.audit == .off && row.duration == .short && row.change == .none && !row.fipsChanges)
        #expect(row.availableDeactivated == .yes && row.availableDisabled == .yes)
    }

    @Test("TPM_ORD_TakeOwnership")
    func takeOwnership() throws {
        let row = try #require(OrdinalTable.row(for: .takeOwnership))
        #expect(!row.auth2 && row.auth1 && !row.rqu && row.noOwner)
        #expect(row.audit == .default && row.duration == .long)
        #expect(row.availableDeactivated == .yes && row.availableDisabled == .no)
    }

    @Test("TPM_ORD_Unseal")
    func unseal() throws {
        let row = try #require(OrdinalTable.row(for: .unseal))
        #expect(row.auth2 && row.auth1 && !row.rqu && !row.noOwner && row.pcrUseEnforced)
        #expect(row.duration == .medium && row.change == .changed)
        #expect(row.availableDeactivated == .no && row.availableDisabled == .no)
    }

    @Test("TPM_ORD_NV_WriteValue")
    func nvWriteValue() throws {
        let row = try #require(OrdinalTable.row(for: .nvWriteValue))
        #expect(!row.auth2 && row.auth1 && row.rqu && row.noOwner && row.physicalPresence && row.pcrUseEnforced)
        #expect(row.audit == .off && row.duration == .short && row.change == .new)
    }
}
