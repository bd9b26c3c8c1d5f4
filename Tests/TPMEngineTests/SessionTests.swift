import TPMWire
import Testing

@testable import TPMEngine

@Suite struct SessionTests {
    private func open(_ tpm: inout TPM) -> OIAP.Response? {
        guard case .success(let response) = tpm.send(OIAP.self, .init()) else { return nil }
        return response
    }

    @Test func everySessionHasAHandleAndANonceOfItsOwn() {
        var tpm = startedTPM()
        let answers = (0..<SessionTable.capacity).compactMap { _ in open(&tpm) }
        #expect(answers.count == 16)
        #expect(Set(answers.map(\.authHandle)).count == 16)
        #expect(Set(answers.map(\.nonceEven)).count == 16)
    }

    @Test func theSeventeenthSessionIsResourcesUntilOneIsFlushed() {
        var tpm = startedTPM()
        let answers = (0..<SessionTable.capacity).compactMap { _ in open(&tpm) }
        let oiap = TPM.bytes(OIAP.self, .init())
        #expect(tpm.code(oiap) == .resources)
        let flush = TPM.bytes(
            FlushSpecific.self, .init(handle: answers.first?.authHandle ?? 0, resourceType: .auth))
        #expect(tpm.code(flush) == .success)
        #expect(tpm.code(flush) == .badParameter)
        #expect(tpm.code(oiap) == .success)
    }

    @Test func flushRefusesATypeItDoesNotKnow() {
        var tpm = startedTPM()
        #expect(tpm.code(TPM.bytes(FlushSpecific.self, .init(handle: 1, resourceType: .counter))) == .invalidResource)
        #expect(tpm.code(TPM.bytes(FlushSpecific.self, .init(handle: 1, resourceType: .key))) == .badParameter)
        #expect(tpm.code([0, 0xc1, 0, 0, 0, 18, 0, 0, 0, 0xba, 0, 0, 0, 1, 0, 0, 0, 99]) == .invalidResource)
    }

    @Test func terminateHandleAndResetEndSessions() {
        var tpm = startedTPM()
        guard let first = open(&tpm), open(&tpm) != nil else {
            Issue.record("TPM_OIAP failed")
            return
        }
        let terminate = TPM.bytes(TerminateHandle.self, .init(handle: first.authHandle))
        #expect(tpm.code(terminate) == .success)
        #expect(tpm.code(terminate) == .invalidAuthHandle)
        #expect(tpm.state.any.sessions.sessions.count == 1)
        #expect(tpm.code(TPM.bytes(Reset.self, .init())) == .success)
        #expect(tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func aHandleInUseIsStepped() throws {
        var table = SessionTable()
        let first = try table.open(nonceEven: .zero, start: .max)
        let second = try table.open(nonceEven: .zero, start: .max)
        #expect(first.handle == .max)
        #expect(second.handle == 1)
    }

    @Test func malformedFormsAreBadParamSize() {
        var tpm = startedTPM()
        #expect(tpm.code(malformed(TPM.bytes(OIAP.self, .init()))[1]) == .badParamSize)
        for command in malformed(TPM.bytes(FlushSpecific.self, .init(handle: 1, resourceType: .auth))) {
            #expect(tpm.code(command) == .badParamSize)
        }
    }
}
