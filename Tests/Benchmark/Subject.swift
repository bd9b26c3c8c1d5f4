import Emulators
import TPMClient
import TPMCrypto
import TPMWire

/// A TPM to be measured: with an endorsement key, an owner, an NV area, a sealed blob, and a signing key as a blob
/// and loaded. Every TPM is set up in the same way, through the same client.
final class Subject {
    static let ownerAuth = Secret(Digest(repeating: 1))
    static let areaAuth = Secret(Digest(repeating: 2))
    static let area: UInt32 = 0x1000
    static let areaSize = 256

    let client: TPMClient
    /// How long TPM_TakeOwnership took.
    let takingOwnership: Duration
    let signingKey: Key
    let loadedKey: KeyHandle
    let sealed: SealedBlob
    private let emulator: Emulator
    private let stopwatch: Stopwatch

    init(_ emulator: Emulator) throws {
        self.emulator = emulator
        stopwatch = Stopwatch(emulator.transport)
        let client = TPMClient(stopwatch)
        self.client = client
        takingOwnership = try Self.makeOwned(client)
        signingKey = try client.createKey(.template(.signing))
        loadedKey = try client.load(signingKey)
        sealed = try client.seal(Secret(Digest(repeating: 3)))
        try client.defineNV(
            Self.area, size: UInt32(Self.areaSize), permissions: [.authRead, .authWrite], auth: Self.areaAuth,
            owner: Self.ownerAuth)
    }

    /// How long the commands of the body were on their way.
    func timed(_ body: () throws -> some Any) rethrows -> Duration {
        stopwatch.elapsed = .zero
        _ = try body()
        return stopwatch.elapsed
    }

    /// Makes the endorsement key and takes ownership; the time is that of TPM_TakeOwnership alone.
    @discardableResult
    static func makeOwned(_ client: TPMClient) throws -> Duration {
        let pubek = try RSAPublicKey(try client.createEndorsementKey())
        let request = TakeOwnership.Request(
            encOwnerAuth: try pubek.encryptOAEP(ownerAuth), encSrkAuth: try pubek.encryptOAEP(.wellKnown),
            srkParams: .template(.storage))
        return try client.withOIAP(ownerAuth) { session in
            try time { try client.execute(TakeOwnership.self, request, session) }
        }
    }
}

/// How long the body took.
func time(_ body: () throws -> some Any) rethrows -> Duration {
    let start = ContinuousClock.now
    _ = try body()
    return ContinuousClock.now - start
}

/// A transport that adds up the time from a command's first byte to its answer's last.
private final class Stopwatch: Transport {
    private let transport: any Transport
    var elapsed = Duration.zero

    init(_ transport: any Transport) { self.transport = transport }

    func transmit(_ command: [UInt8]) throws -> [UInt8] {
        let start = ContinuousClock.now
        defer { elapsed += ContinuousClock.now - start }
        return try transport.transmit(command)
    }
}
