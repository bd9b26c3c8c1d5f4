import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct FlushSpecificTests {
    private func flush(_ handle: UInt32, _ type: ResourceType, _ tpm: OwnedTPM) -> TPMResult? {
        tpm.code(FlushSpecific.self, .init(handle: handle, resourceType: type))
    }

    @Test func aFlushedKeyTakesTheSessionsThatWereBoundToIt() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let bound = try tpm.keyOSAP(key)
        let others = [try tpm.keySession(), try tpm.srkOSAP(), try tpm.ownerOSAP()]
        #expect(flush(key.rawValue, .key, tpm) == .success)
        #expect(tpm.tpm.state.keys.handles.isEmpty)
        #expect(tpm.tpm.state.any.sessions[bound.handle] == nil)
        #expect(tpm.tpm.state.any.sessions.sessions.map(\.handle) == others.map(\.handle))
        #expect(flush(key.rawValue, .key, tpm) == .badParameter)
    }

    @Test func aFlushedSessionIsGoneAlone() throws {
        let tpm = OwnedTPM()
        let sessions = [try tpm.keySession(), try tpm.srkOSAP()]
        #expect(flush(sessions[0].handle, .auth, tpm) == .success)
        #expect(flush(sessions[0].handle, .auth, tpm) == .badParameter)
        #expect(tpm.tpm.state.any.sessions.sessions.map(\.handle) == [sessions[1].handle])
    }

    @Test func theKeysThatStayAreNoResources() throws {
        let tpm = OwnedTPM()
        for handle in [KeyHandle.srk, .ek, .owner, .operator] {
            #expect(flush(handle.rawValue, .key, tpm) == .badParameter)
        }
        #expect(tpm.tpm.state.permanent.hasOwner)
    }

    @Test func aHandleOfAnotherTypeIsNone() throws {
        let tpm = OwnedTPM()
        let session = try tpm.keySession().handle
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512)).rawValue
        for (handle, type) in [
            (session, ResourceType.key), (session, .context), (session, .trans), (session, .daaTPM), (key, .auth),
            (key, .context), (0, .context), (0, .key), (0, .auth),
        ] {
            #expect(flush(handle, type, tpm) == .badParameter)
        }
        for type in [ResourceType.hash, .counter, .delegate, .daaV0, .daaV1] {
            #expect(flush(session, type, tpm) == .invalidResource)
        }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512)).rawValue
        try check(FlushSpecific.self, .init(handle: key, resourceType: .key), on: tpm)
        let session = try tpm.keySession().handle
        try check(FlushSpecific.self, .init(handle: session, resourceType: .auth), on: tpm)
        let context = try tpm.save(session, .auth)
        try check(FlushSpecific.self, .init(handle: context.contextCount, resourceType: .context), on: tpm)
    }
}
