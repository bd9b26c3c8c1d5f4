import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct OwnedTPMTests {
    @Test func theStagesAreReached() {
        #expect(OwnedTPM(.started).tpm.state.permanent.endorsementKey == nil)
        #expect(OwnedTPM(.endorsed).tpm.state.permanent.endorsementKey != nil)
        #expect(!OwnedTPM(.endorsed).tpm.state.permanent.hasOwner)
        let owned = OwnedTPM()
        #expect(owned.tpm.state.permanent.hasOwner)
        let state = owned.tpm.state.permanent
        #expect(state.endorsementKey?.key.pubKey != state.ownership?.srk.key.pubKey)
    }

    @Test func aKeyIsCreatedAndLoaded() throws {
        let tpm = OwnedTPM()
        let handle = try tpm.newKey(OwnedTPM.template(.signing))
        #expect(tpm.tpm.state.keys[handle]?.key.keyUsage == .signing)
    }

    @Test func theSharedChecksPassForACommandOfEachKind() throws {
        let tpm = OwnedTPM()
        try check(PcrRead.self, .init(pcrIndex: 3), on: tpm)
        try check(OwnerSetDisable.self, .init(disableState: true), on: tpm, try tpm.ownerSession())
        try check(DisableOwnerClear.self, .init(), on: tpm, try tpm.ownerOSAP(continues: false))
    }
}
