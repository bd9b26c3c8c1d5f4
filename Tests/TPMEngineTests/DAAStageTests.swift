import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// What a stage refuses, and that it ends the session then (Part 3, 26.1 and 26.2 action 2).
struct DAARefusal<C: Command> where C.Request == DAAJoin.Request, C.Response == DAAJoin.Response {
    let script: DAAScript<C>

    /// Sends the stage with something else.
    func expect(
        _ code: TPMResult, at stage: Int, _ what: String = "", _ change: (inout DAAJoin.Request) -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var (tpm, request) = script.before(stage)
        let handle = request.handle
        change(&request)
        expect(code, tpm, request, handle, "stage \(stage) \(what)", sourceLocation)
    }

    /// Sends the stage to a session in which something is else.
    func expect(
        _ code: TPMResult, at stage: Int, changing session: (inout DAASession) -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let (tpm, request) = script.before(stage)
        if var open = tpm.tpm.state.any.daaSessions[request.handle] {
            session(&open)
            tpm.tpm.state.any.daaSessions.update(open)
        }
        expect(code, tpm, request, request.handle, "stage \(stage)", sourceLocation)
    }

    private func expect(
        _ code: TPMResult, _ tpm: OwnedTPM, _ request: DAAJoin.Request, _ handle: UInt32, _ what: String,
        _ sourceLocation: SourceLocation
    ) {
        let before = tpm.tpm.state
        #expect(tpm.stage(C.self, request) == .failure(code), "\(what)", sourceLocation: sourceLocation)
        #expect(!tpm.daaHandles.contains(handle), "\(what)", sourceLocation: sourceLocation)
        #expect(!tpm.tpm.state.changesPermanentState(since: before), "\(what)", sourceLocation: sourceLocation)
    }

    /// Sizes of inputData0 that the stage does not take.
    func expectSize0(_ sizes: [Int], at stage: Int) {
        for size in sizes {
            expect(.daaInputData0, at: stage, "\(size) bytes") {
                $0.inputData0 = [UInt8](repeating: 1, count: size)
            }
        }
    }

    /// Another generator and another n, as stages with a factor refuse them.
    func expectOtherNumbers(at stage: Int) {
        expect(.daaInputData0, at: stage) { $0.inputData0[255] ^= 1 }
        expect(.daaInputData0, at: stage) { $0.inputData0.insert(0, at: 0) }
        expect(.daaInputData0, at: stage) { $0.inputData0 = [] }
        expect(.daaInputData1, at: stage) { $0.inputData1[255] ^= 1 }
        expect(.daaInputData1, at: stage) { $0.inputData1 = [] }
    }

    /// Another gamma.
    func expectOtherGamma(at stage: Int) {
        expect(.daaInputData0, at: stage) { $0.inputData0[255] ^= 2 }
        expect(.daaInputData0, at: stage) { $0.inputData0 = [] }
    }

    /// A base that is none, where a pseudonym begins.
    func expectOtherBase(at stage: Int) {
        expectOtherGamma(at: stage)
        for size in [0, 255, 257] {
            expect(.daaInputData1, at: stage) { $0.inputData1 = [UInt8](repeating: 1, count: size) }
        }
        expect(.daaWrongW, at: stage) { $0.inputData1[255] ^= 1 }
        expect(.daaWrongW, at: stage) { $0.inputData1 = [UInt8](repeating: 0, count: 256) }
    }

    /// Every other stage than the one that is due.
    func expectTheirOrder() {
        for stage in script.steps.indices where stage > 0 {
            for other in [stage - 1, stage + 1] where other > 0 && other < script.steps.count {
                expect(.daaStage, at: stage, "answers \(other)") { $0 = script.steps[other].request }
            }
            expect(.daaStage, at: stage) { $0.stage = UInt8(script.steps.count) }
            expect(.daaStage, at: stage) { $0.stage = 255 }
        }
    }
}

@Suite struct DAAJoinStageTests {
    private let join: DAARefusal<DAAJoin>

    init() throws { join = DAARefusal(script: try DAAScript<DAAJoin>.join.get()) }

    @Test func stagesComeInTheirOrder() { join.expectTheirOrder() }

    @Test func everyStageChecksThatTheSessionIsWhatItWas() {
        for stage in 1...24 {
            join.expect(.daaTPMSettings, at: stage, changing: { $0.tpmSpecific.count += 1 })
            join.expect(.daaTPMSettings, at: stage, changing: { $0.tpmSpecific.digestV0 = Digest(repeating: 1) })
            join.expect(
                .daaTPMSettings, at: stage,
                changing: { $0.joinSession.u0 = Secret([UInt8](repeating: 1, count: 128)) })
            guard stage > 2 else { continue }
            join.expect(.daaIssuerSettings, at: stage, changing: { $0.issuerSettings.genericQ[0] ^= 1 })
            join.expect(.daaIssuerSettings, at: stage, changing: { $0.tpmSpecific.digestIssuer = .zero })
        }
    }

    @Test func theNumberOfKeysIsFourBytesAndNotZero() {
        for bytes in [[], [1], [0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0]] as [[UInt8]] {
            join.expect(.daaInputData0, at: 0) { $0.inputData0 = bytes }
        }
    }

    @Test func theFirstKeyHasTheSizeOfAModulus() { join.expectSize0([0, 20, 255, 257], at: 1) }

    @Test func everyLaterKeyIsSignedByTheOneBefore() throws {
        let issuer = try DAAIssuerParty(keys: 3)
        let chain = try issuer.signedChain()
        let tpm = OwnedTPM()
        _ = try tpm.stage(DAAJoin.self, .init(handle: 0, stage: 0, inputData0: [0, 0, 0, 3])).get()
        let handle = try #require(tpm.daaHandles.first)
        func send(_ key: DAAIssuerKey) -> Result<[UInt8], TPMResult> {
            tpm.stage(
                DAAJoin.self,
                .init(handle: handle, stage: 1, inputData0: key.modulus, inputData1: key.signature))
        }
        #expect(send(chain[0]) == .success([]))
        let first = tpm.tpm.state
        var wrong = chain[1]
        wrong.signature[100] ^= 1
        var short = chain[1]
        short.signature.removeLast()
        for (key, code) in [
            (wrong, TPMResult.daaIssuerValidity), (short, .daaInputData1), (chain[0], .daaInputData1),
            (chain[2], .daaIssuerValidity),
            (DAAIssuerKey(modulus: chain[2].modulus, signature: chain[1].signature), .daaIssuerValidity),
        ] {
            tpm.tpm.state = first
            #expect(send(key) == .failure(code))
            #expect(tpm.daaHandles.isEmpty)
        }
        tpm.tpm.state = first
        #expect(send(chain[1]) == .success([]))
        #expect(send(chain[2]) == .success([]))
        // The count is used up.
        #expect(send(chain[2]) == .failure(.daaStage))
    }

    @Test func aKeyThatIsNoModulusSignsNothing() throws {
        let tpm = OwnedTPM()
        for first: [UInt8] in [[UInt8](repeating: 0, count: 256), [UInt8](repeating: 0xfe, count: 256)] {
            _ = try tpm.stage(DAAJoin.self, .init(handle: 0, stage: 0, inputData0: [0, 0, 0, 2])).get()
            let handle = try #require(tpm.daaHandles.first)
            let request = DAAJoin.Request(handle: handle, stage: 1, inputData0: first, inputData1: first)
            #expect(tpm.stage(DAAJoin.self, request) == .success([]))
            #expect(tpm.stage(DAAJoin.self, request) == .failure(.daaIssuerValidity))
        }
    }

    @Test func theSettingsAreWholeAndSignedWithTheDigestOfTheFirstKey() throws {
        join.expectSize0([0, 147, 149], at: 2)
        join.expect(.daaInputData0, at: 2) { $0.inputData0[1] ^= 1 }
        join.expect(.daaInputData0, at: 2, "q of zero") {
            $0.inputData0.replaceSubrange(122..<148, with: [UInt8](repeating: 0, count: 26))
        }
        join.expect(.daaIssuerValidity, at: 2) { $0.inputData0[147] ^= 1 }
        join.expect(.daaIssuerValidity, at: 2) { $0.inputData1[255] ^= 1 }
        join.expect(.daaInputData1, at: 2) { $0.inputData1.removeLast() }
        join.expect(.daaInputData1, at: 2) { $0.inputData1 = [] }
    }

    @Test func theCountIsFourBytes() {
        join.expectSize0([0, 3, 5], at: 3)
    }

    @Test func factorsAreTheIssuers() {
        for stage in [4, 5, 6, 7, 9, 10, 11, 12] { join.expectOtherNumbers(at: stage) }
    }

    @Test func theNonceForTheEndorsementKeyIsEncryptedForIt() {
        join.expectSize0([0, 255, 257], at: 8)
        join.expect(.decryptError, at: 8) { $0.inputData0[100] ^= 1 }
    }

    @Test func theBaseOfAPseudonymIsOfTheIssuersGroup() {
        join.expectOtherBase(at: 13)
        for stage in [14, 15] { join.expectOtherGamma(at: stage) }
    }

    @Test func theChallengeIsADigest() { join.expectSize0([0, 19, 21], at: 16) }

    @Test func theIssuersExponentHasItsSizeAndLeavesRoomForTheTPMs() {
        join.expectSize0([0, 127, 129], at: 22)
        join.expectSize0([0, 191, 193], at: 23)
        join.expect(.daaInputData0, at: 23) { $0.inputData0 = [UInt8](repeating: 0xff, count: 192) }
    }

    @Test func anIssuerWithNumbersThatCannotBeIsRefused() throws {
        let issuer = try DAAIssuerParty()
        func stop(_ change: (inout DAAParameters) -> Void) throws -> TPMResult? {
            let tpm = OwnedTPM()
            var parameters = issuer.parameters
            change(&parameters)
            let signature = try issuer.signature(over: parameters)
            let result = tpm.result {
                let join = try tpm.client.joinDAA(
                    chain: try issuer.signedChain(), parameters: parameters, signature: signature, count: 1,
                    owner: tpm.ownerAuth)
                _ = try join.commit()
                _ = try join.answer(encryptedNonce: try tpm.encryptedForEK(tpm.srkAuth))
                _ = try join.commitToProof()
                _ = try join.pseudonym(base: try DAAIssuerParty.base("w").bytes(256))
            }
            #expect(tpm.daaHandles.isEmpty == (result != .success))
            return result
        }
        #expect(try stop { _ in } == .success)
        let even = [UInt8](repeating: 0xfe, count: 256)
        for n: [UInt8] in [[], [0], [1], [6], even, [UInt8](repeating: 3, count: 257)] {
            #expect(try stop { $0.n = n } == .daaInputData1, "n of \(n.count) bytes")
            #expect(try stop { $0.gamma = n } == .daaInputData0, "gamma of \(n.count) bytes")
        }
        #expect(try stop { $0.r0 = [UInt8](repeating: 3, count: 257) } == .daaInputData0)
        #expect(try stop { $0.s1 = [UInt8](repeating: 3, count: 257) } == .daaInputData0)
        #expect(try stop { $0.q = [UInt8](repeating: 0, count: 26) } == .daaInputData0)
        // Exponents of zero: modulo one, f is nothing.
        #expect(try stop { $0.q = [UInt8](repeating: 0, count: 25) + [1] } == .daaWrongW)
    }

    @Test func whatAllCommandsShare() throws {
        for stage in [0, 4, 8, 17, 24] {
            let (tpm, request) = join.script.before(stage)
            try check(DAAJoin.self, request, on: tpm, try tpm.ownerSession())
            try check(DAAJoin.self, request, on: tpm, try tpm.ownerOSAP())
        }
    }
}

@Suite struct DAASignStageTests {
    private let sign: DAARefusal<DAASign>
    private let join: DAAScript<DAAJoin>

    init() throws {
        sign = DAARefusal(script: try DAAScript<DAASign>.sign.get())
        join = try DAAScript<DAAJoin>.join.get()
    }

    @Test func stagesComeInTheirOrder() { sign.expectTheirOrder() }

    @Test func everyStageChecksThatTheSessionIsWhatItWas() {
        for stage in 2...15 {
            sign.expect(.daaTPMSettings, at: stage, changing: { $0.tpmSpecific.count += 1 })
            sign.expect(.daaIssuerSettings, at: stage, changing: { $0.issuerSettings.genericQ[0] ^= 1 })
        }
        sign.expect(.daaIssuerSettings, at: 1, changing: { $0.issuerSettings.genericQ[0] ^= 1 })
    }

    @Test func theSettingsAreWhole() {
        sign.expectSize0([0, 147, 149], at: 0)
        sign.expect(.daaInputData0, at: 0) { $0.inputData0[1] ^= 1 }
        sign.expect(.daaInputData0, at: 0, "q of zero") {
            $0.inputData0.replaceSubrange(122..<148, with: [UInt8](repeating: 0, count: 26))
        }
    }

    @Test func blobsAreThoseThatThisTPMMadeForTheirPurpose() {
        for stage in [1, 13, 14, 15] {
            for index in [0, 5, 6, 21, 22, 41, 45, 46, 61, 65, 66, 100] {
                sign.expect(.daaInputData0, at: stage, "byte \(index)") { $0.inputData0[index] ^= 1 }
            }
            sign.expect(.daaInputData0, at: stage) { $0.inputData0.removeLast() }
            sign.expect(.daaInputData0, at: stage) { $0.inputData0.append(0) }
            sign.expect(.daaInputData0, at: stage) { $0.inputData0 = [] }
            for blob in 22...24 where sign.script.steps[stage].request.inputData0 != join.outputs[blob] {
                sign.expect(.daaInputData0, at: stage, "blob \(blob)") { $0.inputData0 = join.outputs[blob] }
            }
        }
    }

    @Test func theExponentIsThatOfTheSameJoin() throws {
        let tpm = join.before(0).tpm
        let other = try DAAPlatform.join(tpm, try DAAIssuerParty()).platform.credential
        for stage in [13, 14] { sign.expect(.daaInputData0, at: stage) { $0.inputData0 = other.v0 } }
        sign.expect(.daaInputData0, at: 15) { $0.inputData0 = other.v1 }
    }

    @Test func factorsAreTheIssuers() {
        for stage in 2...5 { sign.expectOtherNumbers(at: stage) }
    }

    @Test func theBaseOfAPseudonymIsOfTheIssuersGroup() {
        sign.expectOtherBase(at: 6)
        for stage in [7, 8] { sign.expectOtherGamma(at: stage) }
    }

    @Test func theChallengeIsADigest() { sign.expectSize0([0, 19, 21], at: 9) }

    @Test func aMessageIsADigestOrAnIdentityKey() throws {
        for selector in [[], [2], [0xff], [0, 1], [1, 1]] as [[UInt8]] {
            sign.expect(.daaInputData0, at: 10) { $0.inputData0 = selector }
        }
        for size in [0, 19, 21] {
            sign.expect(.daaInputData1, at: 10) { $0.inputData1 = [UInt8](repeating: 1, count: size) }
        }
        let reserved = [KeyHandle.srk, .ek].map { be32($0.rawValue) }
        for handle in [[], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]] + reserved {
            sign.expect(.daaInputData1, at: 10) {
                $0.inputData0 = [0]
                $0.inputData1 = handle
            }
        }
        let (tpm, request) = sign.script.before(10)
        let signing = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        #expect(
            tpm.stage(
                DAASign.self,
                .init(handle: request.handle, stage: 10, inputData0: [0], inputData1: be32(signing.rawValue)))
                == .failure(.daaInputData1))
    }

    @Test func aJoinDoesNotGoOnAsASignNorASignAsAJoin() throws {
        for (joinStage, signStage) in [(4, 2), (9, 2), (4, 4), (13, 13)] {
            let tpm = join.before(joinStage).tpm
            var request = sign.script.steps[signStage].request
            request.handle = join.steps[joinStage].request.handle
            request.stage = UInt8(joinStage)
            #expect(tpm.stage(DAASign.self, request) == .failure(.daaTPMSettings), "\(joinStage)")
            #expect(tpm.daaHandles.isEmpty)
        }
        for stage in [1, 2, 3, 4, 8, 15] {
            let tpm = sign.script.before(stage).tpm
            var request = join.steps[stage].request
            request.handle = sign.script.steps[stage].request.handle
            #expect(tpm.stage(DAAJoin.self, request) == .failure(.daaTPMSettings), "\(stage)")
            #expect(tpm.daaHandles.isEmpty)
        }
        // Before a join knows its issuer it has no settings that a blob could be of.
        let tpm = join.before(1).tpm
        var request = sign.script.steps[1].request
        request.handle = join.steps[1].request.handle
        #expect(tpm.stage(DAASign.self, request) == .failure(.daaIssuerSettings))
    }

    @Test func whatAllCommandsShare() throws {
        for stage in [0, 1, 5, 10, 15] {
            let (tpm, request) = sign.script.before(stage)
            try check(DAASign.self, request, on: tpm, try tpm.ownerSession())
            try check(DAASign.self, request, on: tpm, try tpm.ownerOSAP())
        }
    }
}
