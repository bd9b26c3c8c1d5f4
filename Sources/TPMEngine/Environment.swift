import TPMCrypto

/// The world as the engine sees it. It is handed in, so that a test gets the same bytes every run.
public struct Environment: Sendable {
    public var random: any RandomSource
    public var clock: any MonotonicClock
    public var keyPairs: any KeyPairSource
    /// The hardware's signal of physical presence (Part 1, 10.2).
    public var physicalPresence: Bool
    /// The registers that TPM_Startup(ST_CLEAR) begins with these values, by number: those of the host of a guest that is
    /// linked to it, say. A number that is no register's means nothing.
    public var initialPCRs: [Int: Digest]
    /// The most bytes of a command that reach the TPM, as it says when it is asked (TPM_CAP_PROP_INPUT_BUFFER).
    public var inputBufferSize = TPM.maximumCommandSize

    /// - Parameter keyPairs: nil generates each key from `random` when a command asks for it.
    public init(
        random: any RandomSource = SystemRandom(), clock: any MonotonicClock = SystemClock(),
        keyPairs: (any KeyPairSource)? = nil, physicalPresence: Bool = false, initialPCRs: [Int: Digest] = [:]
    ) {
        self.random = random
        self.clock = clock
        self.keyPairs = keyPairs ?? GeneratedKeyPairs(random: random)
        self.physicalPresence = physicalPresence
        self.initialPCRs = initialPCRs
    }
}

/// A clock that never goes back; what its zero is does not matter.
public protocol MonotonicClock: Sendable {
    var microseconds: UInt64 { get }
}

/// The system's continuous clock, from when the value was made.
public struct SystemClock: MonotonicClock {
    private let start = ContinuousClock.now

    public init() {}

    public var microseconds: UInt64 {
        let elapsed = (ContinuousClock.now - start).components
        return UInt64(clamping: elapsed.seconds) &* 1_000_000
            &+ UInt64(clamping: elapsed.attoseconds / 1_000_000_000_000)
    }
}

/// Where new RSA keys come from: made on the spot, or taken from a pool that was filled before.
public protocol KeyPairSource: Sendable {
    /// A key that nobody else was given; `bits` is 512, 1024 or 2048, `exponent` odd and at least 3.
    func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes
}

/// Makes every key when it is asked for.
public struct GeneratedKeyPairs: KeyPairSource {
    private let random: any RandomSource

    public init(random: any RandomSource) { self.random = random }

    public func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        try RSAKeyGenerator.generate(bits: bits, exponent: exponent, random: random)
    }
}
