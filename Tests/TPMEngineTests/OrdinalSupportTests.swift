import TPMClient
import TPMWire
import Testing

@testable import TPMEngine

/// Which ordinals there are, and what answers those that there are not (Part 3, 28; Part 2, 17).
@Suite struct OrdinalSupportTests {
    private static let deleted: [Ordinal] = [
        .getCapabilitySigned, .getOrdinalAuditStatus, .certifySelfTest, .getAuditEvent, .getAuditEventSigned,
    ]

    @Test func theDeletedCommandsAreThoseOfTheTable() {
        #expect(Set(OrdinalTable.rows.filter { $0.change == .deleted }.map(\.ordinal)) == Set(Self.deleted))
    }

    /// TPM_CertifySelfTest and the like, and what this TPM leaves out: TPM_FieldUpgrade, TPM_SetRedirection, and
    /// TPM_Init, which is a signal.
    @Test(arguments: deleted + Array(TPM.omittedOrdinals.keys))
    func aCommandThatIsNotThereIsBadOrdinalInEveryForm(_ ordinal: Ordinal) {
        let tpm = OwnedTPM()
        #expect(OrdinalTable.row(for: ordinal) != nil)
        #expect(!TPM.implementedOrdinals.contains(ordinal))
        #expect(tpm.isTrue(.ord, be32(ordinal.rawValue)) == false)
        for tag in [0xc1, 0xc2, 0xc3] as [UInt8] {
            for size in [0, 4, 24, 90] {
                let command =
                    [0, tag] + be32(UInt32(10 + size)) + be32(ordinal.rawValue)
                    + [UInt8](repeating: 0, count: size)
                var copy = tpm.tpm
                #expect(copy.code(command) == .badOrdinal)
            }
        }
    }

    @Test func whatIsLeftOutIsOptionalOrNoCommand() {
        #expect(Set(TPM.omittedOrdinals.keys) == [.fieldUpgrade, .setRedirection, .tpmInit])
        for ordinal in TPM.omittedOrdinals.keys where ordinal != .tpmInit {
            #expect(OrdinalTable.row(for: ordinal)?.optional == true)
        }
    }

    @Test func everyImplementedOrdinalHasARowAndADescription() {
        #expect(TPM.implementedOrdinals.isSuperset(of: [.startup, .makeIdentity, .createCounter]))
        for ordinal in TPM.implementedOrdinals {
            #expect(OrdinalTable.row(for: ordinal) != nil)
            #expect(CommandTable.command(for: ordinal) != nil)
        }
        #expect(TPM.implementedOrdinals.count == CommandTable.all.filter { $0 is any CommandActions.Type }.count)
    }

    @Test func whatIsMissingIsNeitherThereNorDeletedNorLeftOut() {
        let missing = Set(TPM.missingOrdinals)
        #expect(missing.isDisjoint(with: TPM.implementedOrdinals))
        #expect(missing.isDisjoint(with: Self.deleted))
        #expect(missing.isDisjoint(with: TPM.omittedOrdinals.keys))
        let total = missing.count + TPM.implementedOrdinals.count + Self.deleted.count + TPM.omittedOrdinals.count
        #expect(total == OrdinalTable.rows.count)
    }
}
