import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 8, and Part 1, 18.4 and 19.
@Suite struct AuditTests {
    private let nonce = Digest(repeating: 0x77)

    /// The audit digest as an external log would compute it (Part 2, 14).
    private struct Log {
        var digest: [UInt8]
        let counter: UInt32

        init(_ status: AuditStatus, counter: UInt32? = nil) {
            digest = status.digest.bytes
            self.counter = counter ?? status.counter.counter
        }

        private mutating func add(_ tag: UInt8, _ parameters: [UInt8]) {
            let event = [0, tag] + SHA1.hash(parameters).bytes + [0, 0x0e, 0, 0, 0, 0] + be32(counter)
            digest = SHA1.hash(digest + event).bytes
        }

        mutating func input(_ parameters: [UInt8]) { add(0x12, parameters) }
        mutating func output(_ parameters: [UInt8]) { add(0x13, parameters) }
    }

    /// A TPM that audits these commands and no other.
    private func auditing(_ ordinals: Ordinal...) throws -> OwnedTPM {
        let tpm = OwnedTPM()
        for row in OrdinalTable.rows { tpm.tpm.state.permanent.setAudited(row.ordinal, ordinals.contains(row.ordinal)) }
        return tpm
    }

    private func digest(_ tpm: OwnedTPM) -> [UInt8] { tpm.tpm.state.any.auditDigest.bytes }

    // MARK: What is audited

    @Test func theDefaultsAreThoseOfTheOrdinalTable() throws {
        let tpm = OwnedTPM(.started)
        let status = try tpm.client.auditStatus()
        // Part 2, 17: what has an X in the column, of the commands that this TPM has.
        let defaults: Set<UInt32> = [
            0x0d, 0x10, 0x1f, 0x28, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x5b, 0x5c, 0x5d, 0x5e, 0x6e, 0x6f, 0x70,
            0x71, 0x72, 0x73, 0x79, 0x7a, 0x7c, 0x7d, 0x7e, 0x8d, 0x9a,
        ]
        let there = defaults.filter { Registry.actions(for: Ordinal(rawValue: $0)) != nil }
        #expect(status.ordinals.map(\.rawValue) == there.sorted())
        #expect(status.digest == .zero)
        #expect(status.counter == CounterValue(label: [0, 0, 0, 0], counter: 0))
    }

    @Test func theListBeginsWhereTheCallerWants() throws {
        let tpm = try auditing(.oiap, .getRandom, .tscPhysicalPresence)
        for (start, list) in [
            (UInt32(0), be32(0x0a) + be32(0x46) + be32(0x4000_000a)),
            (0x0a, be32(0x0a) + be32(0x46) + be32(0x4000_000a)),
            (0x0b, be32(0x46) + be32(0x4000_000a)), (0x47, be32(0x4000_000a)), (.max, []),
        ] {
            let answer = try tpm.client.execute(GetAuditDigest.self, .init(startOrdinal: start))
            #expect(answer.ordList == list)
            #expect(!answer.more)
        }
    }

    @Test func theOwnerSetsWhatIsAudited() throws {
        let tpm = OwnedTPM()
        try tpm.client.setAudited(.getRandom, true, owner: tpm.ownerAuth)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(tpm.tpm.state.permanent.isAudited(.getRandom))
        try tpm.client.setAudited(.getRandom, false, owner: tpm.ownerAuth)
        #expect(!tpm.tpm.state.permanent.isAudited(.getRandom))
        try tpm.client.setAudited(.readPubek, false, owner: tpm.ownerAuth)
        #expect(!tpm.tpm.state.permanent.isAudited(.readPubek))
        try tpm.client.setAudited(.readPubek, true, owner: tpm.ownerAuth)
        #expect(tpm.tpm.state.permanent.ordinalAuditStatus.isEmpty)
    }

    @Test func onlyCommandsThatAreThereHaveAStatus() throws {
        let tpm = OwnedTPM()
        func set(_ ordinal: UInt32, _ state: Bool) throws -> TPMResult? {
            tpm.code(
                SetOrdinalAuditStatus.self, .init(ordinalToAudit: ordinal, auditState: state),
                try tpm.ownerSession(continues: false))
        }
        // Unknown, deleted, the platform's own.
        for ordinal in [0, 0x999, Ordinal.certifySelfTest.rawValue, Ordinal.tpmInit.rawValue, .max] as [UInt32] {
            #expect(try set(ordinal, true) == .badIndex)
            #expect(try set(ordinal, false) == .badIndex)
        }
        for never in [Ordinal.getAuditDigest, .getAuditDigestSigned] {
            #expect(try set(never.rawValue, true) == .badParameter)
            #expect(try set(never.rawValue, false) == .success)
            #expect(!tpm.tpm.state.permanent.isAudited(never))
        }
    }

    @Test func anotherOwnerFindsTheDefaultsButNotTheCountersStart() throws {
        let tpm = OwnedTPM()
        try tpm.client.setAudited(.getRandom, true, owner: tpm.ownerAuth)
        let count = tpm.tpm.state.permanent.auditMonotonicCounter
        #expect(count > 0)
        try tpm.changeOwner()
        #expect(!tpm.tpm.state.permanent.isAudited(.getRandom))
        #expect(tpm.tpm.state.permanent.auditMonotonicCounter > count)
    }

    // MARK: The digest

    @Test func aCommandIsAuditedByItsParametersOnTheWayInAndOut() throws {
        let tpm = try auditing(.getRandom)
        // The first event opens the session, which the counter counts before (Part 3, 8.1 action 2.a).
        var log = Log(try tpm.client.auditStatus(), counter: 2)
        #expect(log.digest != [UInt8](repeating: 0, count: 20))
        tpm.tpm.state.any.auditDigest = .zero
        tpm.tpm.state.permanent.auditMonotonicCounter = 1
        log.digest = [UInt8](repeating: 0, count: 20)
        for _ in 0..<3 {
            _ = try tpm.client.randomBytes(5)
            let answer = try #require(tpm.lastOutcome?.response)
            log.input(be32(0x46) + be32(5))
            log.output(be32(0) + be32(0x46) + answer[10...])
            #expect(digest(tpm) == log.digest)
        }
        #expect(try tpm.client.auditStatus().counter.counter == 2)
    }

    @Test func handlesAndTrailersAreNotAudited() throws {
        let tpm = try auditing(.sign, .flushSpecific, .osap)
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        var log = Log(try tpm.client.auditStatus())
        let session = try tpm.keyOSAP(key)
        log.input(be32(0x0b))
        log.output(be32(0) + be32(0x0b))
        #expect(digest(tpm) == log.digest)
        let area = [UInt8](repeating: 9, count: 20)
        let sig = try tpm.client.execute(Sign.self, .init(keyHandle: key, areaToSign: area), session).sig
        log.input(be32(0x3c) + be32(20) + area)
        log.output(be32(0) + be32(0x3c) + be32(64) + sig)
        #expect(digest(tpm) == log.digest)
        try tpm.flush(key)
        log.input(be32(0xba) + be32(1))
        log.output(be32(0) + be32(0xba))
        #expect(digest(tpm) == log.digest)
    }

    @Test func aFailureIsNotAudited() throws {
        let tpm = try auditing(.extend, .ownerSetDisable, .sign)
        let before = digest(tpm)
        let wrong = try tpm.client.oiap(Secret([UInt8](repeating: 9, count: 20)))
        #expect(tpm.code(Extend.self, .init(pcrNum: 99, inDigest: .zero)) == .badIndex)
        #expect(tpm.code(OwnerSetDisable.self, .init(disableState: true), wrong) == .authFail)
        #expect(tpm.code(Sign.self, .init(keyHandle: KeyHandle(rawValue: 5), areaToSign: [1])) == .invalidKeyHandle)
        _ = tpm.tpm.execute([0, 0xc1] + be32(10) + be32(0x999))
        #expect(digest(tpm) == before)
        #expect(tpm.lastOutcome?.changesPermanentState == false)
    }

    @Test func ofSaveStateTheInputIsAuditedOnly() throws {
        let tpm = try auditing(.saveState)
        var log = Log(try tpm.client.auditStatus())
        try tpm.client.execute(SaveState.self, .init())
        log.input(be32(0x98))
        #expect(digest(tpm) == log.digest)
        #expect(tpm.tpm.state.saved != nil)
    }

    @Test func theStatusBeforeTheCommandDecides() throws {
        let tpm = try auditing(.setOrdinalAuditStatus)
        let status = { SetOrdinalAuditStatus.Request(ordinalToAudit: 0x8d, auditState: $0) }
        var log = Log(try tpm.client.auditStatus())
        try tpm.client.execute(SetOrdinalAuditStatus.self, status(false), try tpm.ownerSession())
        log.input(be32(0x8d) + be32(0x8d) + [0])
        log.output(be32(0) + be32(0x8d))
        #expect(digest(tpm) == log.digest)
        try tpm.client.execute(SetOrdinalAuditStatus.self, status(true), try tpm.ownerSession())
        #expect(digest(tpm) == log.digest)
    }

    @Test func anAuditSessionIsOfOnePowerOnAndCountedOnce() throws {
        let tpm = try auditing(.getRandom)
        try tpm.restart()
        let first = try tpm.client.auditStatus()
        #expect(first.digest == .zero)
        _ = try tpm.client.randomBytes(1)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        _ = try tpm.client.randomBytes(1)
        #expect(tpm.lastOutcome?.changesPermanentState == false)
        #expect(try tpm.client.auditStatus().counter.counter == first.counter.counter + 1)
        tpm.tpm.state.permanent.auditMonotonicCounter = .max
        try tpm.restart()
        _ = try tpm.client.randomBytes(1)
        // Part 1, 19.1: it may cycle.
        #expect(try tpm.client.auditStatus().counter.counter == 0)
    }

    // MARK: In a transport session

    @Test func aWrappedCommandIsAuditedAsAnyOther() throws {
        let tpm = try auditing(.pcrRead)
        let session = try tpm.transport(log: true)
        var log = Log(try tpm.client.auditStatus())
        let value = try tpm.client.through(session).execute(PcrRead.self, .init(pcrIndex: 3)).outDigest
        log.input(be32(0x15) + be32(3))
        log.output(be32(0) + be32(0x15) + value.bytes)
        #expect(digest(tpm) == log.digest)
    }

    @Test(arguments: TransportEncryption.allCases)
    func whatATransportSessionHidesTheAuditHidesToo(_ encryption: TransportEncryption) throws {
        let tpm = try auditing(.pcrRead)
        let session = try tpm.transport(encryption)
        var log = Log(try tpm.client.auditStatus())
        _ = try tpm.client.through(session).execute(PcrRead.self, .init(pcrIndex: 3))
        log.input(be32(0x15))
        log.output(be32(0) + be32(0x15))
        #expect(digest(tpm) == log.digest)
    }

    @Test(arguments: [nil, TransportEncryption.mgf1])
    func theTransportIsAuditedAroundTheCommandThatItCarries(_ encryption: TransportEncryption?) throws {
        let tpm = try auditing(.executeTransport, .pcrRead)
        let session = try tpm.transport(encryption)
        var log = Log(try tpm.client.auditStatus())
        let value = try tpm.client.through(session).execute(PcrRead.self, .init(pcrIndex: 3)).outDigest
        // H1 and H2 cover what is in the clear (Part 3, 24.2 actions 8 and 20).
        let input = be32(0x15) + be32(3)
        let output = be32(0) + be32(0x15) + value.bytes
        log.input(input)
        log.input(encryption == nil ? input : be32(0x15))
        log.output(encryption == nil ? output : be32(0) + be32(0x15))
        log.output(output)
        #expect(digest(tpm) == log.digest)
        // A wrapped failure is no failure of the transport.
        #expect(tpm.error(in: session, PcrRead.self, .init(pcrIndex: 99)) == .tpm(.badIndex, .pcrRead))
        log.input(be32(0x15) + be32(99))
        log.output(be32(2) + be32(0x15))
        #expect(digest(tpm) == log.digest)
        // One of the transport is not audited.
        #expect(tpm.error { try session.transmit([0, 0xc1] + be32(10) + be32(0xe7)) }?.result == .noWrapTransport)
        #expect(digest(tpm) == log.digest)
    }

    // MARK: TPM_GetAuditDigestSigned

    /// An identity key below the SRK, made outside.
    private func identity(_ tpm: OwnedTPM) throws -> KeyHandle {
        let pair = try RSAKeyGenerator.generate(bits: 2048, random: SeededRandom(seed: 2))
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        return try tpm.load(
            try tpm.wrapped(
                OwnedTPM.template(.identity), modulus: pair.modulus, prime: pair.p.bytes, migrationAuth: proof))
    }

    @Test func theDigestIsSignedWithTheCounterAndTheListOfCommands() throws {
        let tpm = try auditing(.getRandom, .oiap)
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        _ = try tpm.client.randomBytes(1)
        let signed = try tpm.client.signedAuditDigest(nonce: nonce, with: key, auth: OwnedTPM.keyAuth)
        #expect(signed.auditDigest.bytes == digest(tpm))
        #expect(signed.ordinalDigest == SHA1.hash(be32(0x0a) + be32(0x46)))
        // TPM_SIGN_INFO: tag, "ADIG", replay, dataLen, digest, TPM_COUNTER_VALUE of 10 bytes, digest of the list.
        let counter = [0, 0x0e, 0, 0, 0, 0] + be32(tpm.tpm.state.permanent.auditMonotonicCounter)
        let info =
            [0, 5, 0x41, 0x44, 0x49, 0x47] + nonce.bytes + be32(50) + digest(tpm) + counter
            + signed.ordinalDigest.bytes
        let signer = try tpm.publicKey(key)
        #expect(signer.verifyPKCS1(digestInfo: digestInfo(SHA1.hash(info)), signature: signed.sig))
        #expect(signed.isSigned(by: signer, nonce: nonce))
        #expect(!signed.isSigned(by: signer, nonce: .zero))
    }

    @Test func anIdentityKeyAloneEndsTheAuditSession() throws {
        let tpm = try auditing(.getRandom)
        for usage in [KeyUsage.signing, .legacy] {
            let key = try tpm.newKey(OwnedTPM.template(usage, bits: 512))
            _ = try tpm.client.randomBytes(1)
            let request = GetAuditDigestSigned.Request(keyHandle: key, closeAudit: true, antiReplay: nonce)
            #expect(tpm.code(GetAuditDigestSigned.self, request, try tpm.keySession()) == .invalidKeyUsage)
            #expect(tpm.tpm.state.any.auditDigest != .zero)
        }
        let key = try identity(tpm)
        _ = try tpm.client.signedAuditDigest(nonce: nonce, with: key, auth: OwnedTPM.keyAuth)
        #expect(tpm.tpm.state.any.auditDigest != .zero)
        let count = tpm.tpm.state.permanent.auditMonotonicCounter
        let last = try tpm.client.signedAuditDigest(nonce: nonce, closing: true, with: key, auth: OwnedTPM.keyAuth)
        #expect(last.auditDigest != .zero)
        #expect(last.isSigned(by: try tpm.publicKey(key), nonce: nonce))
        #expect(tpm.tpm.state.any.auditDigest == .zero)
        _ = try tpm.client.randomBytes(1)
        #expect(tpm.tpm.state.permanent.auditMonotonicCounter == count + 1)
    }

    @Test func theKeyIsOneThatAttests() throws {
        let tpm = OwnedTPM()
        for (usage, scheme, code) in [
            (KeyUsage.signing, SigScheme.rsassaPKCS1v15INFO, TPMResult.success),
            (.signing, .rsassaPKCS1v15DER, .invalidKeyUsage), (.storage, .none, .invalidKeyUsage),
        ] {
            let key = try tpm.newKey(OwnedTPM.template(usage, sigScheme: scheme))
            let request = GetAuditDigestSigned.Request(keyHandle: key, closeAudit: false, antiReplay: nonce)
            #expect(tpm.code(GetAuditDigestSigned.self, request, try tpm.keySession()) == code)
            #expect(tpm.code(GetAuditDigestSigned.self, request) == .authFail)
        }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(GetAuditDigest.self, .init(startOrdinal: 0), on: tpm)
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        try check(
            GetAuditDigestSigned.self, .init(keyHandle: key, closeAudit: false, antiReplay: nonce), on: tpm,
            try tpm.keySession())
        try check(
            SetOrdinalAuditStatus.self, .init(ordinalToAudit: 0x46, auditState: true), on: tpm, try tpm.ownerSession())
    }
}
