import Foundation
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// States that the program wrote when each version of a format was its newest. They load for ever, and the TPM in them
/// does what it could do then. Fixtures/State/README.md says how a file is made.
@Suite struct StateFixtureTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(components: "..", "..", "Fixtures", "State").standardized

    private static func file(_ format: StateFormat, _ version: UInt32) -> URL {
        folder.appending(component: "\(format)-\(version).state")
    }

    private static func read(_ format: StateFormat, _ version: UInt32) throws -> [UInt8] {
        Array(try Data(contentsOf: file(format, version)))
    }

    private static let written = Array("written".utf8)
    private static let sealed = Secret(Array("sealed".utf8))
    private static let measurement = Digest(repeating: 0x5a)
    private static let signing = OwnedTPM.template(.signing, sigScheme: .rsassaPKCS1v15SHA1)

    // MARK: Making them

    /// The TPM of which every version's file was made; what a version did not have yet was left out then.
    private static func made() throws -> OwnedTPM {
        let tpm = OwnedTPM()
        let kept = try tpm.newKey(signing)
        let pubKey = try #require(tpm.tpm.state.keys[kept]).key.pubkey
        _ = try tpm.newKey(OwnedTPM.template(.signing, bits: 1024, sigScheme: .rsassaPKCS1v15SHA1))
        try tpm.client.execute(
            KeyControlOwner.self, .init(keyHandle: kept, pubKey: pubKey, bitName: 1, bitValue: true),
            try tpm.ownerSession(continues: false))
        let blob = try tpm.client.seal(sealed, keyAuth: OwnedTPM.srkAuth, dataAuth: OwnedTPM.keyAuth).encoded()
        for (index, data) in [(UInt32(0x1_0001), written), (0x1_0002, blob)] {
            try tpm.client.defineNV(
                index, size: UInt32(data.count), permissions: [.authRead, .ownerWrite], auth: OwnedTPM.nvAuth,
                owner: tpm.ownerAuth)
            try tpm.client.writeNV(index, data, as: .owner(tpm.ownerAuth))
        }
        try tpm.client.defineNV(NVIndex.lock, size: 0, permissions: [], owner: nil)
        // From version 2 on.
        let family = try tpm.newFamily()
        try tpm.client.load(try tpm.ownerDelegation(.ownerReadInternalPub, in: family), row: 1, owner: tpm.ownerAuth)
        let counter = try tpm.client.createCounter(
            label: Array("file".utf8), auth: OwnedTPM.keyAuth, owner: tpm.ownerAuth)
        _ = try tpm.client.incrementCounter(counter.countID, auth: OwnedTPM.keyAuth)
        try tpm.client.setAudited(.getRandom, true, owner: tpm.ownerAuth)
        try tpm.client.setAudited(.readPubek, false, owner: tpm.ownerAuth)
        try tpm.client.execute(LoadManuMaintPub.self, .init(antiReplay: .zero, pubKey: try maintenanceKey()))
        // From version 3 on.
        _ = tpm.code(ResetLockValue.self, .init(), try tpm.srkSession(continues: false))
        _ = try tpm.client.extend(10, with: measurement)
        tpm.clock.advance(seconds: 1)
        try tpm.client.execute(SaveState.self, .init())
        return tpm
    }

    private static func maintenanceKey() throws -> Pubkey {
        let pair = try TestKeyPairs(startingAt: 5).keyPair(bits: 2048, exponent: 65537)
        return Pubkey(
            algorithmParms: OwnedTPM.template(.storage).algorithmParms, pubKey: StorePubkey(key: pair.modulus))
    }

    /// Starts what the volatile state is to hold, and leaves alone what TPM_SaveState kept.
    private static func startThings(on tpm: OwnedTPM) throws {
        let key = try #require(tpm.tpm.state.keys.handles.last)
        _ = try tpm.keyOSAP(key, continues: true)
        _ = try tpm.ownerSession()
        _ = try tpm.save(try tpm.srkOSAP().handle, .auth)
        _ = try tpm.transport(.aesCTR, log: true)
        _ = try tpm.stage(DAAJoin.self, try DAAScript<DAAJoin>.join.get().steps[0].request).get()
        tpm.clock.advance(seconds: 2)
        try tpm.client.execute(SHA1Start.self, .init())
        try tpm.client.execute(SHA1Update.self, .init(hashData: [UInt8](repeating: 0x61, count: 64)))
    }

    /// Writes the files of the newest versions that are not there yet.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["VTPM_WRITE_STATE_FIXTURES"] != nil))
    func write() throws {
        let tpm = try Self.made()
        try Self.startThings(on: tpm)
        for (format, bytes) in [
            (StateFormat.permanent, try tpm.tpm.state.serialised()),
            (.saved, try #require(try tpm.tpm.state.serialisedSaved())),
            (.volatile, try tpm.tpm.serialisedVolatile(wallTime: 1_000_000)),
        ] {
            let file = Self.file(format, format.version)
            guard !FileManager.default.fileExists(atPath: file.path) else { continue }
            try Data(bytes.bytes).write(to: file)
        }
    }

    // MARK: Loading them

    @Test(arguments: StateFormat.allCases)
    func thereIsOneOfEachVersion(_ format: StateFormat) {
        for version in 1...format.version {
            #expect(FileManager.default.fileExists(atPath: Self.file(format, version).path))
        }
    }

    private func loaded(_ version: UInt32) throws -> OwnedTPM {
        let tpm = OwnedTPM()
        tpm.tpm.state = try TPMState(serialised: try Self.read(.permanent, version))
        return tpm
    }

    /// What the file of a version has to hold, whatever became of the TPM's power.
    private func checkPermanentParts(of tpm: OwnedTPM, _ version: UInt32) throws {
        #expect(tpm.readsInternalPub(try tpm.ownerSession(continues: false)) == .success)
        let kept = try #require(tpm.tpm.state.keys.ownerEvict.first)
        let pair = try TestKeyPairs(startingAt: 2).keyPair(bits: 2048, exponent: 65537)
        let signature = try tpm.client.sign(Self.measurement, with: kept, auth: OwnedTPM.keyAuth)
        #expect(
            try RSAPublicKey(modulus: pair.modulus, exponent: 65537)
                .verifyPKCS1(digestInfo: digestInfo(Self.measurement), signature: signature))
        let area = NVAuthorization.area(OwnedTPM.nvAuth)
        #expect(try tpm.client.readNV(0x1_0001, count: 7, as: area) == Self.written)
        #expect(tpm.result { _ = try tpm.client.readNV(0x1_0001, count: 7) } == .authConflict)
        let size = try tpm.client.nvArea(0x1_0002).dataSize
        let blob = try WireDecoder.decode(
            SealedBlob.self, from: try tpm.client.readNV(0x1_0002, count: size, as: area))
        #expect(
            try tpm.client.unseal(blob, keyAuth: OwnedTPM.srkAuth, dataAuth: OwnedTPM.keyAuth) == Self.sealed)
        guard version >= 2 else { return }
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 1)) == .success)
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.dsap(row: 1)) == .disabledCmd)
        let counter = try #require(try tpm.client.counters().first)
        #expect(try tpm.client.readCounter(counter) == CounterValue(label: Array("file".utf8), counter: 2))
        #expect(tpm.tpm.state.permanent.isAudited(.getRandom) && !tpm.tpm.state.permanent.isAudited(.readPubek))
        #expect(tpm.tpm.state.permanent.auditMonotonicCounter > 0)
        #expect(
            try tpm.client.execute(ReadManuMaintPub.self, .init(antiReplay: .zero)).checksum
                == SHA1.hash(try Self.maintenanceKey().encoded(), Digest.zero))
        guard version >= 3 else { return }
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
    }

    private func checkResumedParts(of tpm: OwnedTPM, _ version: UInt32) throws {
        #expect(try tpm.client.pcr(10) == SHA1.hash(Digest.zero, Self.measurement))
        let handles = tpm.tpm.state.keys.handles
        #expect(handles.count == 2)
        #expect(tpm.signs(try #require(handles.last), try tpm.keySession()) == .success)
        guard version >= 2 else { return }
        #expect(tpm.number(.activeCounter) == (try tpm.client.counters().first))
        guard version >= 3 else { return }
        #expect(tpm.tpm.state.clear.disableResetLock)
    }

    @Test(arguments: 1...StateFormat.permanent.version)
    func aPermanentStateStartsAndResumes(_ version: UInt32) throws {
        let tpm = try loaded(version)
        try tpm.restart(.state)
        try checkResumedParts(of: tpm, version)
        try checkPermanentParts(of: tpm, version)
        let started = try loaded(version)
        try started.restart(.clear)
        #expect(try started.client.pcr(10).isZero)
        #expect(started.tpm.state.keys.handles == started.tpm.state.keys.ownerEvict)
        try checkPermanentParts(of: started, version)
    }

    /// The versions of the permanent state that were the newest when each of the other formats was.
    private static let companions: [StateFormat: [UInt32]] = [.saved: [3], .volatile: [3]]

    @Test func whatWasSavedIsResumed() throws {
        for (version, companion) in zip(UInt32(1)..., try #require(Self.companions[.saved])) {
            let tpm = try loaded(companion)
            tpm.tpm.state.saved = nil
            try tpm.tpm.state.restoreSaved(try Self.read(.saved, version))
            try tpm.restart(.state)
            try checkResumedParts(of: tpm, 3)
            try checkPermanentParts(of: tpm, companion)
        }
    }

    @Test func aVolatileStateGoesOn() throws {
        for (version, companion) in zip(UInt32(1)..., try #require(Self.companions[.volatile])) {
            let tpm = try loaded(companion)
            try tpm.tpm.restoreVolatile(try Self.read(.volatile, version), wallTime: 1_500_000)
            let digest = try tpm.client.execute(SHA1Complete.self, .init(hashData: [0x62])).hashValue
            #expect(digest == SHA1.hash([UInt8](repeating: 0x61, count: 64) + [0x62]))
            #expect(try tpm.client.ticks().currentTicks == 3_500_000)
            let counts = try [ResourceType.auth, .context, .trans, .daaTPM].map { try tpm.client.handles(of: $0).count }
            #expect(counts == [2, 1, 1, 1])
            try checkResumedParts(of: tpm, 3)
            // The sessions authorize, the first by what it shares with the TPM and the other by the owner's secret.
            let open = tpm.tpm.state.any.sessions.sessions
            func session(_ open: AuthSession, _ key: Secret, _ scheme: ADIPScheme?) -> Session {
                Session(
                    handle: open.handle, nonceEven: open.nonceEven, nonceOdd: .zero, key: key, scheme: scheme,
                    continues: false)
            }
            let shared = try #require(open[0].binding?.sharedSecret)
            #expect(
                tpm.signs(try #require(tpm.tpm.state.keys.handles.last), session(open[0], shared, .xor)) == .success)
            #expect(tpm.readsInternalPub(session(open[1], tpm.ownerAuth, nil)) == .success)
            #expect(tpm.tpm.state.any.daaSessions.sessions.first?.session.stage == 1)
            #expect(tpm.tpm.state.any.transports.sessions.first?.transPublic.transAttributes == [.encrypt, .log])
            #expect(tpm.tpm.state.any.transports.sessions.first?.transDigest.isZero == false)
            try checkPermanentParts(of: tpm, companion)
        }
    }

    /// A format that changes needs a version of its own: the newest is written as it was when its file was made.
    @Test func theNewestFormatsAreWrittenAsTheyWere() throws {
        let tpm = try loaded(StateFormat.permanent.version)
        #expect(try tpm.tpm.state.serialised() == Secret(try Self.read(.permanent, StateFormat.permanent.version)))
        #expect(try tpm.tpm.state.serialisedSaved() == Secret(try Self.read(.saved, StateFormat.saved.version)))
        let volatile = try Self.read(.volatile, StateFormat.volatile.version)
        try tpm.tpm.restoreVolatile(volatile, wallTime: 1_000_000)
        #expect(try tpm.tpm.serialisedVolatile(wallTime: 1_000_000) == Secret(volatile))
    }
}
