import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// Part 3, 24.2.
@Suite struct ExecuteTransportTests {
    private static let getRandom = TPM.bytes(GetRandom.self, .init(bytesRequested: 8))

    // MARK: What goes over the wire

    @Test func aCommandInTheClearGoesAndComesAsTheSpecificationWritesIt() throws {
        let tpm = OwnedTPM()
        tpm.locality = .two
        let session = try tpm.transport()
        tpm.clock.advance(seconds: 3)
        let answer = tpm.tpm.execute(tpm.wrapping(Self.getRandom, in: session), locality: .two).response
        // Header, currentTicks, locality, wrappedRspSize, the answer of 22 bytes, a trailer of 41.
        #expect(answer.count == 10 + 8 + 4 + 4 + 22 + 41)
        let ticks: [UInt8] = [0, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0]
        #expect(Array(answer[..<26]) == [0, 0xc5] + be32(89) + be32(0) + ticks + be32(2) + be32(22))
        let wrapped = Array(answer[26..<48])
        #expect(Array(wrapped[..<14]) == [0, 0xc4] + be32(22) + be32(0) + be32(8))
        // H2 and outParamDigest (actions 14 and 15).
        let h2 = SHA1.hash(be32(0) + be32(0x46) + wrapped[10...])
        let parameters = SHA1.hash(be32(0) + be32(0xe7) + answer[10..<26] + h2.bytes)
        let nonceEven = try #require(Digest(answer[48..<68]))
        let hmac = HMAC.authenticate(
            key: session.session.key, parameters, nonceEven, session.session.nonceOdd, UInt8(1))
        #expect(answer[68] == 1)
        #expect(Array(answer[69...]) == hmac.bytes)
        #expect(tpm.tpm.state.any.transports[session.handle]?.transNonceEven == nonceEven)
    }

    @Test(arguments: TransportEncryption.allCases)
    func anEncryptedCommandShowsItsHeaderOnly(_ encryption: TransportEncryption) throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(encryption)
        let digest = SHA1.hash(Self.getRandom.dropFirst(6))
        var hidden = Self.getRandom
        try session.transPublic.mask(
            &hidden, 10..<14, .command, nonceEven: session.session.nonceEven, nonceOdd: session.session.nonceOdd,
            secret: session.session.key)
        #expect(Array(hidden[10...]) != Array(Self.getRandom[10...]))
        let answer = tpm.tpm.execute(tpm.wrapping(hidden, digest: digest, in: session)).response
        #expect(answer.count == 89)
        var wrapped = Array(answer[26..<48])
        // The size of the random bytes is hidden, too.
        #expect(Array(wrapped[..<10]) == [0, 0xc4] + be32(22) + be32(0))
        #expect(Array(wrapped[10..<14]) != be32(8))
        try session.transPublic.mask(
            &wrapped, 10..<22, .answer, nonceEven: #require(Digest(answer[48..<68])),
            nonceOdd: session.session.nonceOdd, secret: session.session.key)
        #expect(Array(wrapped[10..<14]) == be32(8))
    }

    @Test(arguments: [nil] + TransportEncryption.allCases, [false, true])
    func commandsOfEveryFormGoThrough(_ encryption: TransportEncryption?, _ log: Bool) throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(encryption, log: log)
        let client = tpm.client.through(session)
        // No session, the session protocols, one and two authorizations, new handles, long answers.
        #expect(try client.randomBytes(300).count == 300)
        let blob = try client.createKey(
            .template(.signing, bits: 512), auth: OwnedTPM.keyAuth, parentAuth: tpm.srkAuth)
        let key = try client.load(blob, parentAuth: tpm.srkAuth)
        let digest = Digest(repeating: 1)
        let signature = try client.sign(digest, with: key, auth: OwnedTPM.keyAuth)
        #expect(try RSAPublicKey(blob.pubkey).verify(digest, signature: signature))
        let sealed = try client.seal(Secret([7]), keyAuth: tpm.srkAuth, dataAuth: OwnedTPM.keyAuth)
        #expect(try client.unseal(sealed, keyAuth: tpm.srkAuth, dataAuth: OwnedTPM.keyAuth) == Secret([7]))
        try client.flush(key)
        #expect(session.isOpen)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func aSessionOpenedInsideServesOutsideAndTheOtherWayRound() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(.mgf1)
        let inside = try tpm.client.through(session).oiap(tpm.ownerAuth, continues: true)
        #expect(tpm.code(OwnerSetDisable.self, .init(disableState: false), inside) == .success)
        let outside = try tpm.ownerSession()
        #expect(tpm.error(in: session, OwnerSetDisable.self, .init(disableState: false), outside) == nil)
        #expect(tpm.error(in: session, OwnerSetDisable.self, .init(disableState: false), inside) == nil)
    }

    @Test func theLocalityIsThatOfTheWrappingCommand() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let request = Extend.Request(pcrNum: 20, inDigest: .zero)
        #expect(tpm.error(in: session, Extend.self, request) == .tpm(.badLocality, .extend))
        tpm.locality = .one
        #expect(tpm.error(in: session, Extend.self, request) == nil)
    }

    @Test func noNonceIsTheSameTwice() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        var nonces: [Digest] = []
        for _ in 0..<20 {
            nonces.append(session.session.nonceEven)
            #expect(tpm.error(in: session, GetTicks.self, .init()) == nil)
        }
        #expect(Set(nonces).count == 20)
    }

    // MARK: What the wrapped command leaves behind

    @Test func aWrappedFailureIsItsOwnAndLeavesTheTransportSessionAlone() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(.aesCTR, log: true)
        let wrong = try tpm.client.oiap(Secret([UInt8](repeating: 9, count: 20)), continues: true)
        let error = tpm.error(in: session, OwnerSetDisable.self, .init(disableState: true), wrong)
        #expect(error == .tpm(.authFail, .ownerSetDisable))
        // It was counted and it ended its own session.
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
        #expect(tpm.tpm.state.any.sessions[wrong.handle] == nil)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(!tpm.tpm.state.permanent.flags.disable)
        #expect(tpm.error(in: session, GetTicks.self, .init()) == nil)
    }

    @Test func theGatesOfTheWrappedCommandHold() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        #expect(tpm.error(in: session, Startup.self, .init(.clear)) == .tpm(.invalidPostInit, .startup))
        #expect(tpm.error(in: session, ForceClear.self, .init()) == .tpm(.badPresence, .forceClear))
        for bytes in malformed(Self.getRandom) {
            #expect(tpm.error { try session.transmit(bytes) } == nil)
            #expect(try session.transmit(bytes) == TPM.failure(.badParamSize))
        }
        #expect(try session.transmit([0, 0xc0] + Self.getRandom[2...]) == TPM.failure(.badTag))
        // Its own paramSize is the wrapped command's affair.
        #expect(try session.transmit([0, 0xc1] + be32(13) + Self.getRandom[6...]) == TPM.failure(.badParamSize))
        #expect(session.isOpen)
    }

    @Test func aChangeInsideIsAsDurableAsOneOutside() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let owner = try tpm.ownerSession()
        #expect(tpm.error(in: session, DisableOwnerClear.self, .init(), owner) == nil)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(tpm.tpm.state.permanent.flags.disableOwnerClear)
        // TPM_SaveState is kept, and what changes what it kept drops it.
        #expect(tpm.error(in: session, SaveState.self, .init()) == nil)
        #expect(tpm.tpm.state.saved != nil)
        #expect(tpm.error(in: session, Extend.self, .init(pcrNum: 1, inDigest: .zero)) == nil)
        #expect(tpm.tpm.state.saved == nil)
    }

    @Test func aHashMayGoOnInATransportSessionButNotBeInterrupted() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let client = tpm.client.through(session)
        let block = [UInt8](repeating: 3, count: 64)
        try client.execute(SHA1Start.self, .init())
        try tpm.client.execute(SHA1Update.self, .init(hashData: block))
        try client.execute(SHA1Update.self, .init(hashData: block))
        let hash = try client.execute(SHA1Complete.self, .init(hashData: [])).hashValue
        #expect(hash == SHA1.hash(block + block))
        try client.execute(SHA1Start.self, .init())
        _ = try client.ticks()
        #expect(tpm.error(in: session, SHA1Update.self, .init(hashData: block)) == .tpm(.shaThread, .sha1Update))
        try tpm.client.execute(SHA1Start.self, .init())
        // A transport that fails before it sends the command leaves the thread alone (description 2).
        #expect(tpm.tpm.code([0, 0xc2] + be32(10) + be32(0xe7)) == .badParamSize)
        #expect(tpm.error(in: session, SHA1Update.self, .init(hashData: block)) == nil)
    }

    // MARK: What the transport itself refuses

    @Test func aWrongSecretEndsTheSessionAndIsNotCounted() throws {
        let tpm = OwnedTPM()
        // The parameter of the wrapped command, nonceOdd, continueTransSession and the HMAC.
        for byte in [24, 27, 32, 51, 52, 53, 72] {
            let session = try tpm.transport()
            var command = tpm.wrapping(Self.getRandom, in: session)
            command[byte] ^= 1
            #expect(tpm.tpm.code(command) == .authFail, "byte \(byte)")
            #expect(!tpm.transports.contains(session.handle), "byte \(byte)")
        }
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
    }

    @Test func theSameCommandAgainIsNotAccepted() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let command = tpm.wrapping(Self.getRandom, in: session)
        #expect(tpm.tpm.code(command) == .success)
        #expect(tpm.tpm.code(command) == .authFail)
        #expect(tpm.tpm.code(command) == .invalidAuthHandle)
    }

    @Test func handlesAndTrailersOfTheWrappedCommandAreNotAuthorized() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let wrapped = TPM.bytes(EvictKey.self, .init(evictHandle: key))
        let digest = SHA1.hash(be32(Ordinal.evictKey.rawValue))
        // A resource manager may have put another handle in.
        #expect(tpm.tpm.code(tpm.wrapping(wrapped, digest: digest, in: session)) == .success)
        #expect(tpm.tpm.state.keys.handles.isEmpty)
    }

    @Test func transportCommandsAreNotNested() throws {
        let tpm = OwnedTPM()
        let nested = [
            [0, 0xc1] + be32(10) + be32(0xe7), [0, 0xc1] + be32(14) + be32(0xe6) + be32(5),
            [0, 0xc1] + be32(14) + be32(0xe8) + be32(5),
        ]
        for command in nested {
            let session = try tpm.transport(.mgf1)
            #expect(tpm.error { try session.transmit(command) } == .tpm(.noWrapTransport, .executeTransport))
            #expect(!session.isOpen)
            #expect(tpm.transports.isEmpty)
        }
    }

    @Test func whatCannotBeParsedIsBadParameter() throws {
        let tpm = OwnedTPM()
        let commands = [
            [], [0, 0xc1, 0, 0, 0, 9, 0, 0, 0], [0, 0xc1] + be32(10) + be32(0x999),
            // A deleted command, TPM_Init, a handle and trailers that are cut short.
            [0, 0xc1] + be32(10) + be32(0x64), [0, 0xc1] + be32(10) + be32(0x97),
            [0, 0xc1] + be32(13) + be32(0x3c) + [1, 2, 3],
            [0, 0xc3] + be32(55) + be32(0x46) + [UInt8](repeating: 0, count: 45),
        ]
        for command in commands {
            let session = try tpm.transport()
            #expect(tpm.tpm.code(tpm.wrapping(command, digest: .zero, in: session)) == .badParameter, "\(command)")
            #expect(tpm.transports.isEmpty)
        }
    }

    @Test func anUnknownHandleIsInvalid() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let auth = try tpm.ownerSession()
        let command = tpm.wrapping(Self.getRandom, in: session)
        for handle in [UInt32(0), session.handle ^ 1, auth.handle] {
            let bytes = command[..<(command.count - 45)] + be32(handle) + command.suffix(41)
            #expect(tpm.tpm.code(Array(bytes)) == .invalidAuthHandle)
        }
        // Nobody else's session suffers.
        #expect(tpm.tpm.state.any.sessions[auth.handle] != nil)
        #expect(tpm.transports == [session.handle])
        // Nor does a transport session authorize a command.
        var owner = try TPMClient.encode(OwnerSetDisable.self, .init(disableState: true), sessions: [auth])
        owner.replaceSubrange((owner.count - 45)..<(owner.count - 41), with: be32(session.handle))
        #expect(tpm.tpm.code(owner) == .invalidAuthHandle)
        #expect(tpm.transports == [session.handle])
    }

    @Test func theGatesOfTheOrdinalTableHold() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let command = tpm.wrapping(Self.getRandom, in: session)
        func code(_ change: (inout TPMState) -> Void) -> TPMResult {
            var copy = tpm.tpm
            change(&copy.state)
            return copy.code(command)
        }
        #expect(code { $0.permanent.flags.disable = true } == .disabled)
        #expect(code { $0.clear.flags.deactivated = true } == .deactivated)
        #expect(code { $0.permanent.ownership = nil } == .noSRK)
        #expect(code { $0.any.postInitialise = true } == .invalidPostInit)
        #expect(code { $0.any.isFailed = true } == .failedSelfTest)
        for tag in [0xc1, 0xc3, 0xc4] as [UInt8] {
            #expect(tpm.tpm.code([0, tag] + command[2...]) == .badTag)
        }
        for count in 0..<command.count {
            let cut = command[..<2] + be32(UInt32(count)) + command[6...]
            #expect(tpm.tpm.code(Array(cut.prefix(count))) == .badParamSize, "\(count)")
        }
        #expect(code { _ in } == .success)
    }

    @Test func aRandomSourceThatFailsFailsTheTransportAndLeavesNothing() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let owner = try tpm.ownerSession()
        let before = tpm.tpm.state.permanent.fingerprint
        let random = TestRandom(seed: Array("breaks".utf8))
        random.fault = .fails
        tpm.tpm.environment.random = random
        let error = tpm.error(in: session, DisableOwnerClear.self, .init(), owner)
        #expect(error == .tpm(.fail, .executeTransport))
        #expect(tpm.tpm.state.permanent.fingerprint == before)
        #expect(tpm.transports.isEmpty)
    }

    @Test func aWrappedCommandMayBeAsLongAsFits() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let client = tpm.client.through(session)
        // 4096 less 10, 4 and 45 around it, and 14 of its own.
        try client.execute(SHA1Start.self, .init())
        #expect(tpm.error(in: session, SHA1Update.self, .init(hashData: [UInt8](repeating: 0, count: 2048))) == nil)
        let long = [UInt8](repeating: 0, count: 4096 - 10 - 4 - 45 - 14)
        #expect(tpm.error(in: session, SHA1Update.self, .init(hashData: long)) == .tpm(.shaError, .sha1Update))
        #expect(
            tpm.error(in: session, SHA1Update.self, .init(hashData: long + [0]))
                == .tpm(.badParamSize, .executeTransport))
    }
}
