import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct SHA1ThreadTests {
    @Test func aThreadHashesAcrossCommands() {
        var tpm = startedTPM()
        let block = [UInt8](repeating: 0x5a, count: 64)
        #expect(tpm.send(SHA1Start.self, .init()) == .success(.init(maxNumBytes: 2048)))
        #expect(tpm.code(TPM.bytes(SHA1Update.self, .init(hashData: block + block))) == .success)
        let whole = SHA1.hash(block + block + [1, 2, 3])
        #expect(tpm.send(SHA1Complete.self, .init(hashData: [1, 2, 3])) == .success(.init(hashValue: whole)))
        #expect(tpm.code(TPM.bytes(SHA1Complete.self, .init(hashData: []))) == .shaThread)
    }

    @Test func completeExtendPutsTheDigestIntoARegister() {
        var tpm = startedTPM()
        _ = tpm.send(SHA1Start.self, .init())
        let digest = SHA1.hash([9])
        let expected = SHA1.hash([UInt8](repeating: 0, count: 20) + digest.bytes)
        #expect(
            tpm.send(SHA1CompleteExtend.self, .init(pcrNum: 5, hashData: [9]))
                == .success(.init(hashValue: digest, outDigest: expected)))
    }

    @Test func anyOtherCommandEndsTheThread() {
        var tpm = startedTPM()
        _ = tpm.send(SHA1Start.self, .init())
        #expect(tpm.code(TPM.bytes(PcrRead.self, .init(pcrIndex: 99))) == .badIndex)
        #expect(tpm.code(TPM.bytes(SHA1Complete.self, .init(hashData: []))) == .shaThread)
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        try check(SHA1Start.self, .init(), on: tpm)
        #expect(tpm.code(SHA1Start.self, .init()) == .success)
        try check(SHA1Update.self, .init(hashData: [UInt8](repeating: 1, count: 64)), on: tpm)
        try check(SHA1Complete.self, .init(hashData: [1, 2, 3]), on: tpm)
        try check(SHA1CompleteExtend.self, .init(pcrNum: 1, hashData: [1, 2, 3]), on: tpm)
    }

    @Test func theDigestOfNothingIsThatOfTheEmptyString() {
        var tpm = startedTPM()
        _ = tpm.send(SHA1Start.self, .init())
        guard case .success(let answer) = tpm.send(SHA1Complete.self, .init(hashData: [])) else {
            Issue.record("TPM_SHA1Complete failed")
            return
        }
        #expect(answer.hashValue.description == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    }

    @Test func completeExtendEndsTheThreadAlsoWhenItFails() {
        for (pcrNum, count, error) in [(UInt32(99), 0, TPMResult.badIndex), (17, 0, .badLocality), (0, 65, .shaError)] {
            var tpm = startedTPM()
            _ = tpm.send(SHA1Start.self, .init())
            let hashData = [UInt8](repeating: 0, count: count)
            #expect(
                tpm.code(TPM.bytes(SHA1CompleteExtend.self, .init(pcrNum: pcrNum, hashData: hashData))) == error)
            #expect(tpm.code(TPM.bytes(SHA1Complete.self, .init(hashData: []))) == .shaThread)
        }
    }

    @Test func aCommandThatIsRefusedEndsTheThreadToo() {
        for command in [[0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x26], [0, 0xc2, 0, 0, 0, 10, 0, 0, 0, 0x15]] as [[UInt8]] {
            var tpm = startedTPM()
            _ = tpm.send(SHA1Start.self, .init())
            #expect(tpm.code(command) != .success)
            #expect(tpm.code(TPM.bytes(SHA1Complete.self, .init(hashData: []))) == .shaThread)
        }
    }

    @Test func aDisabledTPMExtendsTheDigestAndTellsOnlyTheDigest() {
        var tpm = startedTPM()
        tpm.state.permanent.flags.disable = true
        _ = tpm.send(SHA1Start.self, .init())
        #expect(
            tpm.send(SHA1CompleteExtend.self, .init(pcrNum: 5, hashData: [9]))
                == .success(.init(hashValue: SHA1.hash([9]), outDigest: .zero)))
        #expect(tpm.state.clear.pcrs[5] != .zero)
    }

    @Test func sizesAreCheckedAndAWrongOneEndsTheThread() {
        var tpm = startedTPM()
        let update = TPM.bytes(SHA1Update.self, .init(hashData: []))
        #expect(tpm.code(update) == .shaThread)
        for wrong in [
            TPM.bytes(SHA1Update.self, .init(hashData: [1])),
            TPM.bytes(SHA1Update.self, .init(hashData: [UInt8](repeating: 0, count: 2112))),
            TPM.bytes(SHA1Complete.self, .init(hashData: [UInt8](repeating: 0, count: 65))),
        ] {
            _ = tpm.send(SHA1Start.self, .init())
            #expect(tpm.code(wrong) == .shaError)
            #expect(tpm.code(update) == .shaThread)
        }
    }
}

@Suite struct RandomTests {
    @Test func randomBytesComeFromTheSourceHandedIn() {
        var one = startedTPM()
        var other = startedTPM()
        let request = GetRandom.Request(bytesRequested: 32)
        guard case .success(let first) = one.send(GetRandom.self, request),
            case .success(let second) = one.send(GetRandom.self, request)
        else {
            Issue.record("TPM_GetRandom failed")
            return
        }
        #expect(first.randomBytes.count == 32)
        #expect(first != second)
        #expect(other.send(GetRandom.self, request) == .success(first))
    }

    @Test func moreThanAnAnswerHoldsIsCutShort() {
        var tpm = startedTPM()
        guard case .success(let answer) = tpm.send(GetRandom.self, .init(bytesRequested: .max)) else {
            Issue.record("TPM_GetRandom failed")
            return
        }
        #expect(answer.randomBytes.count == 2048)
    }

    @Test func stirTakesUpTo255Bytes() {
        var tpm = startedTPM()
        #expect(tpm.code(TPM.bytes(StirRandom.self, .init(inData: [UInt8](repeating: 1, count: 255)))) == .success)
        #expect(
            tpm.code(TPM.bytes(StirRandom.self, .init(inData: [UInt8](repeating: 1, count: 256)))) == .badParameter)
    }
}
