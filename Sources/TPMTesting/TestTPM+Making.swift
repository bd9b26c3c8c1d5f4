import TPMClient
import TPMCrypto
import TPMEngine
import TPMServer
import TPMWire

/// Why there is no such TPM or key, as a sentence.
public struct TestTPMError: Error, CustomStringConvertible {
    public let description: String
}

extension TestTPM {
    /// The key of a role that the TPM began with.
    public func key(_ role: TestKey.Role) throws(TestTPMError) -> TestKey {
        guard let key = keys.first(where: { $0.role == role }) else {
            throw TestTPMError(
                description: "The TPM began as \"\(start)\", without a \(role) key: make it with TestTPM(.withKeys).")
        }
        return key
    }

    /// The TPM as it begins.
    static func made(_ start: Start, seed: String, secrets: KnownSecrets, records: Bool) throws -> Snapshot {
        var snapshot = try bare(start, seed: seed, secrets: secrets)
        if start.stage == .withKeys {
            let tpm = TestTPM(snapshot)
            let keys = try TestKey.Role.allCases.map { try tpm.makeKey($0) }
            snapshot = tpm.snapshot()
            snapshot.keys = keys
        }
        guard var tpm = snapshot.memory.tpm else { return snapshot }
        for condition in Start.Condition.allCases where start.conditions.contains(condition) { tpm.bring(condition) }
        snapshot.memory = .init(tpm)
        snapshot.store = .init(state: tpm.state)
        if records { snapshot.recorder = SessionRecorder(.init(start: start, seed: seed, secrets: secrets)) }
        return snapshot
    }

    /// The TPM at its stage, without keys.
    private static func bare(_ start: Start, seed: String, secrets: KnownSecrets) throws -> Snapshot {
        func stream(_ name: String) -> [UInt8] { Array("\(name): \(seed)".utf8) }
        let random = TestRandom(seed: stream("TPM"))
        let keyPairs = TestKeyPairs(seed: stream("keys"))
        var tpm = TPM(environment: Environment(random: random, clock: HandClock(), keyPairs: keyPairs))
        tpm.initialize()
        _ = tpm.execute(try TPMClient.encode(Startup.self, .init(.clear)))
        if start.stage != .factory { try tpm.createEndorsementKey() }
        if [.owned, .withKeys].contains(start.stage) { try tpm.takeOwnership(owner: secrets.owner, srk: secrets.srk) }
        return Snapshot(
            start: start, seed: seed, secrets: secrets, keys: [], time: 0, locality: .zero, presencePin: false,
            memory: .init(tpm), store: .init(state: tpm.state), random: random.place, keyPairs: keyPairs,
            nonces: SeededRandom(seed: stream("client")))
    }

    private func makeKey(_ role: TestKey.Role) throws -> TestKey {
        let blob = try client.createKey(
            role.template, auth: secrets.key, migrationAuth: secrets.migration, parentAuth: secrets.srk)
        return TestKey(role: role, blob: blob, handle: try client.load(blob, parentAuth: secrets.srk))
    }
}

extension TPM {
    /// Brings about what a test wants the TPM to suffer from; what it comes with in the text of ``Start/Condition``.
    fileprivate mutating func bring(_ condition: Start.Condition) {
        switch condition {
        case .disabled: state.permanent.flags.disable = true
        case .deactivated:
            state.permanent.flags.deactivated = true
            state.clear.flags.deactivated = true
        case .lockedOut: lockOut()
        case .failed: fail()
        case .unstarted: initialize()
        }
    }
}
