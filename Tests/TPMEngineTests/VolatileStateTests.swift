import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// The volatile state of a TPM that runs, written as bytes and gone on with elsewhere.
@Suite struct VolatileStateTests {
    private let wallTime: UInt64 = 1_790_000_000_000_000

    /// Another TPM with the same permanent state, on another host: its clock shows something else.
    private func elsewhere(_ tpm: TPM, clock: HandClock = HandClock()) throws -> TPM {
        var state = try TPMState(serialised: try tpm.state.serialisedPermanent().bytes)
        if let saved = try tpm.state.serialisedSaved() { try state.restoreSaved(saved.bytes) }
        var other = TPM(state: state, environment: tpm.environment)
        other.environment.clock = clock
        other.initialize()
        return other
    }

    // MARK: Nothing is forgotten

    /// The fields of a structure that hold something else than they do by default.
    private func changed(_ value: Any, from standard: Any) -> [String] {
        zip(Mirror(reflecting: value).children, Mirror(reflecting: standard).children).compactMap { field, other in
            fingerprint(of: field.value) == fingerprint(of: other.value) ? nil : field.label
        }
    }

    private func fields(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }

    /// A part that is added to the state fails this, until somebody has seen to it that it is kept.
    @Test func theStateHasTheseParts() {
        #expect(fields(TPMState()) == ["_permanent", "_clear", "_any", "_keys", "_saved"])
    }

    /// A field that is added to the volatile state fails this, until the test gives it a value and it comes back.
    @Test func everyFieldComesBack() throws {
        let running = try BusyTPM().everything()
        #expect(changed(running.state.clear, from: ClearState()) == fields(ClearState()))
        #expect(changed(running.state.any, from: AnyState()) == fields(AnyState()))
        let bytes = try running.serialisedVolatile(wallTime: wallTime).bytes

        let clock = HandClock()
        clock.advance(microseconds: running.environment.clock.microseconds)
        var other = try elsewhere(running, clock: clock)
        try other.restoreVolatile(bytes, wallTime: wallTime)
        #expect(fingerprint(of: other.state.clear) == fingerprint(of: running.state.clear))
        var any = running.state.any
        any.advanceTicks(to: clock.microseconds)
        #expect(fingerprint(of: other.state.any) == fingerprint(of: any))
        #expect(fingerprint(of: other.state.keys) == fingerprint(of: running.state.keys))
        #expect(try other.serialisedVolatile(wallTime: wallTime).bytes == bytes)
    }

    // MARK: It goes on

    /// Runs a script on the TPM, then the same bytes on another that was restored in between, five seconds later, and
    /// compares the answers.
    private func compare(_ tpm: OwnedTPM, _ script: () throws -> Void) throws {
        func environment(_ clock: HandClock) -> Environment {
            Environment(
                random: SeededRandom(seed: Array("later".utf8)), clock: clock,
                keyPairs: PremadeKeyPairs(startingAt: 6))
        }
        let bytes = try tpm.tpm.serialisedVolatile(wallTime: wallTime).bytes
        let clock = HandClock()
        clock.advance(microseconds: 1)
        var other = try elsewhere(tpm.tpm, clock: clock)
        other.environment = environment(clock)
        try other.restoreVolatile(bytes, wallTime: wallTime + 5_000_000)

        tpm.tpm.environment = environment(tpm.clock)
        tpm.clock.advance(seconds: 5)
        var time = tpm.clock.microseconds
        let first = tpm.exchanges.count
        try script()
        #expect(tpm.exchanges.count > first)
        for exchange in tpm.exchanges[first...] {
            clock.advance(microseconds: exchange.time - time)
            time = exchange.time
            let response = other.execute(exchange.command).response
            #expect(response == exchange.response)
            guard response == exchange.response else { return }
        }
        #expect(
            try other.serialisedVolatile(wallTime: 0).bytes.dropLast(20)
                == tpm.tpm.serialisedVolatile(wallTime: 0).bytes.dropLast(20))
    }

    @Test func theNextCommandsAreAnsweredByteForByte() throws {
        let busy = try BusyTPM()
        let tpm = busy.tpm
        try compare(tpm) {
            let digest = try tpm.client.execute(SHA1Complete.self, .init(hashData: [0x61])).hashValue
            #expect(digest == SHA1.hash(BusyTPM.hashed + [0x61]))
            #expect(try tpm.client.ticks().currentTicks == 8_000_017)
            for area in [ResourceType.key, .auth, .trans, .context, .daaTPM, .counter] {
                #expect(try !tpm.client.handles(of: area).isEmpty)
            }
            _ = try tpm.client.pcrs()
            _ = try tpm.client.volatileFlags()
            // Sessions of every kind.
            #expect(tpm.signs(busy.signer, busy.oiap) == .success)
            #expect(tpm.signs(busy.signer, busy.ofKey) == .success)
            #expect(tpm.signs(busy.kept, busy.oiap) == .success)
            #expect(tpm.readsInternalPub(busy.owner) == .success)
            // A join goes on, and another comes back.
            #expect(tpm.code(DAAJoin.self, busy.joinRequest, busy.owner) == .success)
            #expect(try tpm.load(busy.savedJoin) != 0)
            #expect(tpm.readsInternalPub(busy.delegated) == .success)
            #expect(tpm.readsInternalPub(try tpm.client.oiap(OwnedTPM.delegateAuth)) == .success)
            #expect(
                tpm.code(
                    NVReadValueAuth.self, .init(nvIndex: BusyTPM.nvIndex, offset: 0, dataSize: 4), busy.ofArea)
                    == .success)
            #expect(
                tpm.code(
                    NVWriteValue.self, .init(nvIndex: BusyTPM.nvIndex, offset: 0, data: [9]), busy.owner)
                    == .areaLocked)
            // Transport sessions.
            try tpm.client.through(busy.plain).extend(11, with: .zero)
            _ = try tpm.client.through(busy.logged).ticks()
            tpm.clock.advance(microseconds: 250)
            let signed = try tpm.client.release(
                busy.logged, nonce: Digest(repeating: 9), with: busy.signer, auth: OwnedTPM.keyAuth)
            #expect(signed.isSigned(by: try tpm.publicKey(busy.signer), nonce: Digest(repeating: 9)))
            // What was saved.
            _ = try tpm.load(busy.savedKey)
            let key = busy.signer.rawValue
            #expect(try tpm.load(busy.savedSession, entityHandle: key) == busy.sessionToLoad.handle)
            #expect(tpm.signs(busy.signer, busy.sessionToLoad) == .success)
            #expect(tpm.result { _ = try tpm.load(busy.savedSession, entityHandle: key) } == .badContext)
            _ = try tpm.load(busy.savedTransport)
            _ = try tpm.client.through(busy.transportToLoad).ticks()
            try tpm.client.execute(LoadAuthContext.self, .init(authContextBlob: busy.oldSession))
            #expect(tpm.signs(busy.signer, busy.oldSessionToLoad) == .success)
            try tpm.client.execute(LoadKeyContext.self, .init(keyContextBlob: busy.oldKey))
            // What a delegation authorized ends with a change of the tables, saved or not.
            try tpm.client.setOwnerPointer(row: nil)
            try tpm.client.load(try tpm.ownerDelegation(.all(.owner), 1), row: 2, owner: tpm.ownerAuth)
            #expect(!tpm.isOpen(busy.delegated) && tpm.isOpen(busy.ofKey))
            #expect(tpm.result { _ = try tpm.load(busy.savedDelegated) } == .badContext)
        }
    }
}
