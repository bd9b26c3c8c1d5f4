import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Turning the TPM on and off (Part 3, 5).
@Suite struct OptInTests {
    private func flags(_ tpm: OwnedTPM) -> PermanentFlags { tpm.tpm.state.permanent.flags }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        try check(SetOwnerInstall.self, .init(state: true), on: tpm)
        try check(OwnerSetDisable.self, .init(disableState: true), on: tpm, try tpm.ownerSession())
        try check(OwnerSetDisable.self, .init(disableState: false), on: tpm, try tpm.ownerOSAP())
        try check(PhysicalEnable.self, .init(), on: tpm)
        try check(PhysicalDisable.self, .init(), on: tpm)
        try check(PhysicalSetDeactivated.self, .init(state: true), on: tpm)
        try check(SetTempDeactivated.self, .init(), on: tpm)
        try check(SetOperatorAuth.self, .init(operatorAuth: OwnedTPM.keyAuth), on: tpm)
        #expect(tpm.code(SetOperatorAuth.self, .init(operatorAuth: OwnedTPM.keyAuth)) == .success)
        try check(SetTempDeactivated.self, .init(), on: tpm, try tpm.client.oiap(OwnedTPM.keyAuth, continues: true))
    }

    @Test func noOneIsThereUntilPresenceIsAsserted() {
        let tpm = OwnedTPM(.started)
        #expect(tpm.code(SetOwnerInstall.self, .init(state: false)) == .badPresence)
        #expect(tpm.code(PhysicalEnable.self, .init()) == .badPresence)
        #expect(tpm.code(PhysicalDisable.self, .init()) == .badPresence)
        #expect(tpm.code(PhysicalSetDeactivated.self, .init(state: true)) == .badPresence)
        #expect(tpm.code(SetTempDeactivated.self, .init()) == .badPresence)
        #expect(tpm.code(SetOperatorAuth.self, .init(operatorAuth: OwnedTPM.keyAuth)) == .badPresence)
        #expect(flags(tpm) == PermanentFlags())
    }

    @Test func whetherAnOwnerCanComeIsSetWhileThereIsNone() {
        let tpm = OwnedTPM(.started)
        tpm.physicalPresence = true
        #expect(tpm.code(SetOwnerInstall.self, .init(state: false)) == .success)
        #expect(!flags(tpm).ownership)
        #expect(tpm.code(SetOwnerInstall.self, .init(state: true)) == .success)
        #expect(flags(tpm).ownership)
    }

    @Test func withAnOwnerSetOwnerInstallSucceedsAndDoesNothing() {
        let tpm = OwnedTPM()
        #expect(tpm.code(SetOwnerInstall.self, .init(state: false)) == .success)
        #expect(flags(tpm).ownership)
    }

    @Test func theOwnerDisablesAndEnables() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerSession()
        try tpm.client.execute(OwnerSetDisable.self, .init(disableState: true), session)
        #expect(flags(tpm).disable)
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .disabled)
        try tpm.client.execute(OwnerSetDisable.self, .init(disableState: false), session)
        #expect(!flags(tpm).disable)
    }

    @Test func presenceDisablesAndEnables() {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        #expect(tpm.code(PhysicalDisable.self, .init()) == .success)
        #expect(flags(tpm).disable)
        #expect(tpm.code(PhysicalEnable.self, .init()) == .success)
        #expect(!flags(tpm).disable)
    }

    @Test func deactivationWaitsForTheNextClearStart() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        #expect(tpm.code(PhysicalSetDeactivated.self, .init(state: true)) == .success)
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .success)
        try tpm.restart()
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .deactivated)
        tpm.physicalPresence = true
        #expect(tpm.code(PhysicalSetDeactivated.self, .init(state: false)) == .success)
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .deactivated)
        try tpm.restart()
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .success)
    }

    @Test func theOperatorDeactivatesUntilTheNextStart() throws {
        let tpm = OwnedTPM()
        #expect(tpm.code(SetTempDeactivated.self, .init(), try tpm.client.oiap(OwnedTPM.keyAuth)) == .noOperator)
        tpm.physicalPresence = true
        #expect(tpm.code(SetOperatorAuth.self, .init(operatorAuth: OwnedTPM.keyAuth)) == .success)
        #expect(flags(tpm).operator)
        tpm.physicalPresence = false
        #expect(tpm.code(SetTempDeactivated.self, .init(), try tpm.client.oiap(tpm.ownerAuth)) == .authFail)
        // No session can be bound to the operator, so that OIAP it has to be.
        #expect(tpm.code(SetTempDeactivated.self, .init(), try tpm.ownerOSAP()) == .authFail)
        #expect(tpm.code(SetTempDeactivated.self, .init(), try tpm.client.oiap(OwnedTPM.keyAuth)) == .success)
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .deactivated)
        try tpm.restart()
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 1)) == .success)
    }
}
