import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Bytes that somebody changed and framed anew, so that the decoder gets to see them: they are refused, or are a state
/// that a TPM can be in, which goes on and can be written again.
@Suite struct HostileStateTests {
    /// The three parts of one state.
    private struct Parts {
        let tpm: TPM
        let permanent, saved, volatile: [UInt8]
        /// Commands that go on with all of it.
        let later: [[UInt8]]

        /// The same bytes each time that it is asked for.
        static var random: SeededRandom { SeededRandom(seed: Array("later".utf8)) }

        init() throws {
            let busy = try BusyTPM()
            // Some parts that the client did not bring about.
            var running = try busy.everything()
            running.state.any.isFailed = false
            running.state.any.lockedUntil = nil
            running.state.saved = SavedState(clear: running.state.clear, keys: running.state.keys)
            running.state.permanent.authDIR = Digest(repeating: 3)
            tpm = running
            permanent = try tpm.state.serialisedPermanent().bytes
            saved = try #require(try tpm.state.serialisedSaved()).bytes
            volatile = try tpm.serialisedVolatile(wallTime: 5).bytes
            busy.tpm.tpm.environment.random = Self.random
            let first = busy.tpm.exchanges.count
            try busy.goOn()
            later = busy.tpm.exchanges[first...].map(\.command)
        }
    }

    private static let parts = Result { try Parts() }

    /// What may be done to a payload at an offset: a byte changed in one bit or in all, four bytes set, which makes
    /// every count of a list 4 billion.
    private static let changes: [@Sendable (inout [UInt8], Int) -> Void] = [
        { $0[$1] ^= 1 },
        { $0[$1] ^= 0xff },
        { bytes, offset in
            for index in offset..<min(offset + 4, bytes.count) { bytes[index] = 0xff }
        },
        { $0[$1] = 0 },
    ]

    /// Tries every change at every offset, and what comes of it.
    private func tryAll(_ bytes: [UInt8], _ load: ([UInt8]) throws -> TPM) throws {
        var accepted = 0
        for offset in 0..<bytes.count - 36 {
            for change in Self.changes {
                let changed = StateFormat.reframed(bytes) { change(&$0, offset) }
                do {
                    let tpm = try load(changed)
                    accepted += 1
                    if accepted % 50 == 0 { try use(tpm) }
                } catch let error as StateFormatError {
                    // The first four bytes may name a version that there is not yet.
                    #expect(error == .damaged || offset < 24, "\(error) at \(offset)")
                }
            }
        }
        // Numbers and digests may be others; the rest is refused.
        #expect(accepted > 0)
        for count in 0..<bytes.count - 36 {
            let changed = StateFormat.reframed(bytes) { $0.removeLast(bytes.count - 36 - count) }
            #expect(throws: StateFormatError.damaged) { try load(changed) }
        }
        #expect(throws: StateFormatError.damaged) { try load(StateFormat.reframed(bytes) { $0.append(0) }) }
    }

    /// Goes on with all that there is, whatever the answers are.
    private func use(_ loaded: TPM) throws {
        var tpm = loaded
        try tpm.restoreVolatile(try tpm.serialisedVolatile(wallTime: 5).bytes, wallTime: 6)
        let state = try TPMState(serialised: try tpm.state.serialised().bytes)
        #expect(try state.serialised() == tpm.state.serialised())
        tpm.environment.random = Parts.random
        for command in try Self.parts.get().later { _ = tpm.execute(command) }
        _ = tpm.hashEnd()
    }

    @Test func theVolatileState() throws {
        let parts = try Self.parts.get()
        try tryAll(parts.volatile) { bytes in
            var tpm = parts.tpm
            try tpm.restoreVolatile(bytes, wallTime: 5)
            return tpm
        }
    }

    @Test func whatWasSaved() throws {
        let parts = try Self.parts.get()
        try tryAll(parts.saved) { bytes in
            var tpm = parts.tpm
            try tpm.state.restoreSaved(bytes)
            tpm.initialize()
            _ = tpm.send(Startup.self, .init(.state))
            return tpm
        }
    }

    @Test func thePermanentState() throws {
        let parts = try Self.parts.get()
        try tryAll(parts.permanent) { bytes in
            var tpm = parts.tpm
            tpm.state = try TPMState(serialised: bytes)
            tpm.initialize()
            _ = tpm.send(Startup.self, .init(.clear))
            return tpm
        }
    }
}
