import TPMCrypto
import TPMWire
import Testing

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
        let mixed = PCRSelection(indices: [0, 16])
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: mixed))) == .notResetable)
        #expect(tpm.state.clear.pcrs == before)
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [20])))) == .notLocal)
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [])))) == .invalidPCRInfo)
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [16, 23])))) == .success)
        #expect(tpm.state.clear.pcrs[16] == .zero)
        #expect(tpm.state.clear.pcrs[23] == .zero)
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        try check(Extend.self, .init(pcrNum: 4, inDigest: Digest(repeating: 1)), on: tpm)
        try check(PcrRead.self, .init(pcrIndex: 4), on: tpm)
        // A map of other than one to three bytes is no selection.
        try check(
            PCRReset.self, .init(pcrSelection: PCRSelection(indices: [16])), on: tpm,
            sizeErrors: [.badParamSize, .invalidPCRInfo])
    }

    @Test func whoExtendsAndResetsWhichRegisterFollowsThePCClientTable() {
        // Registers 16 to 23: the localities that extend, and those that reset.
        let table: [(extend: [UInt8], reset: [UInt8])] = [
            ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]), ([2, 3, 4], [4]), ([2, 3, 4], [4]), ([2, 3], [4]),
            ([1, 2, 3], [2, 4]), ([2], [2]), ([2], [2]), ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
        ]
        for (offset, row) in table.enumerated() {
            for locality in Locality.allCases {
                var tpm = startedTPM()
                let number = 16 + offset
                let extend = TPM.bytes(Extend.self, .init(pcrNum: UInt32(number), inDigest: .zero))
                let reset = TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [number])))
                #expect(
                    tpm.code(extend, locality: locality)
                        == (row.extend.contains(locality.rawValue) ? .success : .badLocality))
                #expect(
                    tpm.code(reset, locality: locality)
                        == (row.reset.contains(locality.rawValue) ? .success : .notLocal))
            }
        }
    }

    @Test func aTrustedSystemDecidesWhatARegisterIsResetTo() {
        let reset = TPM.bytes(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [21])))
        for tosPresent in [false, true] {
            var tpm = startedTPM()
            tpm.state.any.tosPresent = tosPresent
            _ = tpm.send(Extend.self, .init(pcrNum: 21, inDigest: .zero), locality: .two)
            #expect(tpm.code(reset, locality: .two) == .success)
            #expect(tpm.state.clear.pcrs[21] == Digest(repeating: tosPresent ? 0 : 0xff))
        }
    }

    @Test func aSelectionOfNoSizeOrTooMuchIsInvalid() {
        var tpm = startedTPM()
        #expect(tpm.code([0, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0xc8, 0, 0]) == .invalidPCRInfo)
        #expect(tpm.code([0, 0xc1, 0, 0, 0, 16, 0, 0, 0, 0xc8, 0, 4, 0, 0, 1, 0]) == .invalidPCRInfo)
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
