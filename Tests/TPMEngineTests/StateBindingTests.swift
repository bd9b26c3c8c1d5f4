import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

extension StateFormat {
    /// A state with another payload in a frame that fits it.
    static func reframed(_ bytes: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var payload = Array(bytes[16...].dropLast(20))
        change(&payload)
        let framed = bytes[..<12] + be32(UInt32(payload.count)) + payload
        return framed + SHA1.hash(framed).bytes
    }
}

/// The parts of a state belong together, and each is taken for what it is.
@Suite struct StateBindingTests {
    /// A TPM with something in every part of its state.
    private func tpm() throws -> OwnedTPM {
        let tpm = OwnedTPM()
        _ = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        try tpm.extend(10)
        try tpm.client.execute(SaveState.self, .init())
        return tpm
    }

    private func saved(_ tpm: OwnedTPM) throws -> [UInt8] { try #require(try tpm.tpm.state.serialisedSaved()).bytes }

    private func volatile(_ tpm: OwnedTPM) throws -> [UInt8] { try tpm.tpm.serialisedVolatile(wallTime: 1).bytes }

    /// The errors of both kinds of bytes on a TPM, nil for what it takes.
    private func errors(_ saved: [UInt8], _ volatile: [UInt8], on tpm: OwnedTPM) throws -> [StateFormatError?] {
        var (first, second) = (tpm.tpm, tpm.tpm)
        let before = fingerprint(of: tpm.tpm.state)
        func error(_ body: () throws -> Void) -> StateFormatError? {
            do {
                try body()
                return nil
            } catch { return error as? StateFormatError }
        }
        let errors = [
            error { try first.state.restoreSaved(saved) },
            error { try second.restoreVolatile(volatile, wallTime: 1) },
        ]
        if errors[0] != nil { #expect(fingerprint(of: first.state) == before) }
        if errors[1] != nil { #expect(fingerprint(of: second.state) == before) }
        return errors
    }

    @Test func whatWasSavedComesBackToThePermanentStateAndIsResumed() throws {
        let tpm = try tpm()
        let bytes = try saved(tpm)
        let other = OwnedTPM()
        other.tpm.state = try TPMState(serialised: try tpm.tpm.state.serialisedPermanent().bytes)
        #expect(other.tpm.state.saved == nil)
        #expect(try other.tpm.state.serialisedSaved() == nil)
        try other.tpm.state.restoreSaved(bytes)
        #expect(try other.tpm.state.serialised() == tpm.tpm.state.serialised())
        #expect(try saved(other) == bytes)
        try other.restart(.state)
        #expect(try other.client.pcr(10) == tpm.client.pcr(10))
        #expect(other.tpm.state.keys.handles == tpm.tpm.state.keys.handles)
    }

    @Test func allPartsTogetherAreTheFile() throws {
        let tpm = try tpm()
        let state = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        #expect(fingerprint(of: state.saved as Any) == fingerprint(of: tpm.tpm.state.saved as Any))
        // What TPM_SaveState kept does not bind: it comes and goes without the rest.
        #expect(try errors(try saved(tpm), try volatile(tpm), on: tpm) == [nil, nil])
        let before = (try saved(tpm), try volatile(tpm))
        tpm.tpm.state.saved = nil
        #expect(try errors(before.0, before.1, on: tpm) == [nil, nil])
    }

    @Test func anotherPermanentStateRefusesThem() throws {
        let tpm = try tpm()
        let parts = (try saved(tpm), try volatile(tpm))
        let others: [(OwnedTPM) throws -> Void] = [
            { $0.tpm.state.permanent.failedAuthorizations += 1 },
            { $0.tpm.state.permanent.authDIR = Digest(repeating: 1) },
            { try $0.define(.area(OwnedTPM.index, [.ownerWrite], size: 1)) },
            { $0.tpm.state.permanent.ownership?.ownerAuth = Secret(count: 20) },
            { $0.tpm.state.keys.setOwnerEvict($0.tpm.state.keys.handles[0], true) },
            { _ = try $0.client.createCounter(label: [1, 2, 3, 4], auth: OwnedTPM.keyAuth, owner: $0.ownerAuth) },
        ]
        for change in others {
            let other = try self.tpm()
            #expect(try errors(parts.0, parts.1, on: other) == [nil, nil])
            try change(other)
            #expect(try errors(parts.0, parts.1, on: other) == [.otherState, .otherState])
        }
        #expect("\(StateFormatError.otherState)" == "belongs to another state of the TPM, or an older one")
    }

    /// What an earlier version of the program wrote is bound to the permanent state as that version wrote it.
    @Test func theBindingOfAnEarlierVersionHolds() throws {
        let tpm = try tpm()
        let parts = (try saved(tpm), try volatile(tpm))
        for (version, error) in [
            (UInt32(0), StateFormatError.damaged), (1, .otherState), (2, nil), (3, nil), (4, .newer(version: 4)),
        ] {
            // The audit counter of this TPM is more than the first version knew.
            let known = min(max(version, 2), 3)
            let binding = try StoredBinding(to: tpm.tpm.state, version: known).encoded()
            let changed = [parts.0, parts.1].map {
                StateFormat.reframed($0) { $0.replaceSubrange(..<24, with: be32(version) + binding[4...]) }
            }
            #expect(try errors(changed[0], changed[1], on: tpm) == [error, error])
        }
    }

    @Test func ownerEvictKeysComeFromThePermanentStateAlone() throws {
        let tpm = try tpm()
        var forged = tpm.tpm
        forged.state.keys.setOwnerEvict(forged.state.keys.handles[0], true)
        let keys = forged.state.keys
        forged.state.saved?.keys = keys
        // The forger binds it to the state that it is for.
        let binding = try StoredBinding(to: tpm.tpm.state).encoded()
        func bound(_ bytes: [UInt8]) -> [UInt8] {
            StateFormat.reframed(bytes) { $0.replaceSubrange(..<24, with: binding) }
        }
        let saved = bound(try #require(try forged.state.serialisedSaved()).bytes)
        let volatile = bound(try forged.serialisedVolatile(wallTime: 1).bytes)
        #expect(try errors(saved, volatile, on: tpm) == [.damaged, .damaged])
    }

    @Test func aPartIsNotTakenForAnother() throws {
        let tpm = try tpm()
        let parts: [(StateFormat, [UInt8])] = [
            (.permanent, try tpm.tpm.state.serialised().bytes), (.volatile, try volatile(tpm)),
            (.saved, try saved(tpm)),
        ]
        for (format, bytes) in parts {
            if format != .permanent {
                #expect(throws: StateFormatError.otherFormat(format, needed: .permanent)) {
                    try TPMState(serialised: bytes)
                }
            }
            let expected: [StateFormatError?] = [.saved, .volatile].map {
                $0 == format ? nil : .otherFormat(format, needed: $0)
            }
            #expect(try errors(bytes, bytes, on: tpm) == expected)
        }
        #expect(try errors([], Array("-----BEGIN".utf8), on: tpm) == [.foreign, .foreign])
        #expect(
            "\(StateFormatError.otherFormat(.saved, needed: .volatile))"
                == "is the saved state of a TPM, not its volatile state")
    }

    @Test func aNewerFormatIsRefusedByItsNumber() throws {
        let tpm = try tpm()
        let newer = [try saved(tpm), try volatile(tpm)].map { bytes in
            var framed = Array(bytes.dropLast(20))
            framed.replaceSubrange(8..<12, with: be32(7))
            return framed + SHA1.hash(framed).bytes
        }
        #expect(try errors(newer[0], newer[1], on: tpm) == [.newer(version: 7), .newer(version: 7)])
    }
}
