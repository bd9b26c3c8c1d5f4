import Testing
import TPMCrypto
import TPMWire

@testable import TPMEngine

@Suite struct PCRTests {
    @Test func extendIsTheDigestOfOldValueAndMeasurement() {
        var tpm = startedTPM()
        let measurement = Digest(repeating: 0xab)
        let expected = SHA1.hash([UInt8](repeating: 0, count: 20) + measurement.bytes)
        #expect(
            tpm.send(Extend.self, .init(pcrNum: 0, inDigest: measurement)) == .success(.init(outDigest: expected)))
        #expect(tpm.send(PcrRead.self, .init(pcrIndex: 0)) == .success(.init(outDigest: expected)))
    }

    @Test func registersStartAsThePCClientSpecificationSays() {
        let tpm = startedTPM()
        for index in 0..<PCRBank.count {
            let expected: UInt8 = (17...22).contains(index) ? 0xff : 0
            #expect(tpm.state.clear.pcrs[index] == Digest(repeating: expected))
        }
    }

    @Test func aRegisterThatIsNotThereIsBadIndex() {
        var tpm = startedTPM()
        #expect(tpm.code(TPM.bytes(PcrRead.self, .init(pcrIndex: 24))) == .badIndex)
        #expect(tpm.code(TPM.bytes(Extend.self, .init(pcrNum: .max, inDigest: .zero))) == .badIndex)
    }

    @Test func localityDecidesWhoExtends() {
        var tpm = startedTPM()
        let command = TPM.bytes(Extend.self, .init(pcrNum: 17, inDigest: .zero))
        #expect(tpm.code(command) == .badLocality)
        #expect(tpm.code(command, locality: .one) == .badLocality)
        #expect(tpm.code(command, locality: .two) == .success)
    }

    @Test func aDisabledTPMExtendsAndDoesNotTell() {
        var tpm = startedTPM()
        tpm.state.permanent.flags.disable = true
        #expect(
            tpm.send(Extend.self, .init(pcrNum: 0, inDigest: Digest(repeating: 1)))
                == .success(.init(outDigest: .zero)))
        #expect(tpm.state.clear.pcrs[0] != .zero)
    }

    @Test func resetTakesAllSelectedRegistersOrNone() {
        var tpm = startedTPM()
        for number in [UInt32(16), 23, 0] {
            _ = tpm.send(Extend.self, .init(pcrNum: number, inDigest: Digest(repeating: 1)))
        }
        let before = tpm.state.clear.pcrs
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [0, 16])))) == .notResetable)
        #expect(tpm.state.clear.pcrs == before)
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [20])))) == .notLocal)
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [])))) == .invalidPCRInfo)
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [16, 23])))) == .success)
        #expect(tpm.state.clear.pcrs[16] == .zero)
        #expect(tpm.state.clear.pcrs[23] == .zero)
    }

    @Test func malformedFormsAreBadParamSize() {
        var tpm = startedTPM()
        for command in malformed(TPM.bytes(PcrRead.self, .init(pcrIndex: 0)))
            + malformed(TPM.bytes(Extend.self, .init(pcrNum: 0, inDigest: .zero)))
        {
            #expect(tpm.code(command) == .badParamSize)
        }
    }
}
