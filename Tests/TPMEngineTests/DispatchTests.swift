import TPMWire
import Testing

@testable import TPMEngine

@Suite struct DispatchTests {
    @Test func everyFailureIsTenBytesWithTheResponseTag() {
        var tpm = startedTPM()
        let outcome = tpm.execute(TPM.bytes(PcrRead.self, .init(pcrIndex: 24)))
        #expect(outcome.response == [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 2])
    }

    @Test func paramSizeMustBeTheNumberOfBytes() {
        var tpm = startedTPM()
        var command = TPM.bytes(PcrRead.self, .init(pcrIndex: 0))
        command[5] &+= 1
        #expect(tpm.code(command) == .badParamSize)
        #expect(tpm.code([]) == .badParamSize)
        #expect(tpm.code([0, 0xc1]) == .badParamSize)
        #expect(tpm.code([UInt8](repeating: 0, count: 5000)) == .badParamSize)
    }

    @Test func anUnknownTagAndOneThatTheCommandDoesNotTakeAreBadTag() {
        var tpm = startedTPM()
        var command = TPM.bytes(PcrRead.self, .init(pcrIndex: 0))
        command[1] = 0xc0
        #expect(tpm.code(command) == .badTag)
        command[1] = 0xc2
        #expect(tpm.code(command) == .badTag)
    }

    @Test func anUnusedOrdinalIsBadOrdinal() {
        var tpm = startedTPM()
        #expect(tpm.code([0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x26]) == .badOrdinal)
        #expect(tpm.code([0, 0xc1, 0, 0, 0, 10, 0xff, 0xff, 0xff, 0xff]) == .badOrdinal)
    }

    @Test func disabledAndDeactivatedFollowTheOrdinalTable() {
        var tpm = startedTPM()
        tpm.state.permanent.flags.disable = true
        #expect(tpm.code(TPM.bytes(GetRandom.self, .init(bytesRequested: 1))) == .disabled)
        #expect(tpm.code(TPM.bytes(GetTestResult.self, .init())) == .success)
        tpm.state.permanent.flags.disable = false
        tpm.state.clear.flags.deactivated = true
        #expect(tpm.code(TPM.bytes(GetRandom.self, .init(bytesRequested: 1))) == .deactivated)
    }

    @Test func noByteStringTraps() {
        var tpm = startedTPM()
        var seed: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next() -> UInt8 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: seed >> 56)
        }
        for length in 0..<600 {
            var command = (0..<(length % 80)).map { _ in next() }
            if command.count >= 10 {
                command.replaceSubrange(0..<9, with: [0, 0xc1] + be32(UInt32(command.count)) + [0, 0, 0])
            }
            let outcome = tpm.execute(command)
            #expect(outcome.response.count >= 10)
            if outcome.result != .success { #expect(outcome.response.count == 10) }
        }
    }
}
