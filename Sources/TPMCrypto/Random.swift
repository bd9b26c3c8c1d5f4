import COpenSSL
import Synchronization

/// A source of random bytes.
public protocol RandomSource: Sendable {
    /// Fills the whole buffer or throws.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError)
    /// Mixes a caller's bytes in, without trusting them for entropy.
    func stir(_ bytes: [UInt8])
}

/// The generator of libcrypto (RAND_bytes_ex), seeded by the system.
public struct SystemRandom: RandomSource {
    public init() {}

    public func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        guard !buffer.isEmpty else { return }
        let start = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard RAND_bytes_ex(Library.shared.context, start, buffer.count, 0) == 1 else {
            throw CryptoError(what: "RAND_bytes_ex")
        }
    }

    public func stir(_ bytes: [UInt8]) {
        // The primary generator seeds those of all threads, and they notice when it was seeded anew. The bytes are
        // additional input beside the system's entropy; a reseed that fails is tried again at the next draw.
        let primary = RAND_get0_primary(Library.shared.context)
        _ = EVP_RAND_reseed(primary, 0, nil, 0, bytes, bytes.count)
    }
}

/// A deterministic generator for tests: SHA-1 of the seed and a counter. Not for real keys.
public final class SeededRandom: RandomSource {
    private struct State {
        var position: UInt64 = 0
        /// The block that ``position`` stands in, unless it stands at its start.
        var block = Digest()
    }

    private let seed: Secret
    private let state: Mutex<State>

    /// Any seed, even an empty one. Equal seeds give equal streams.
    public init(seed: [UInt8]) {
        self.seed = Secret(seed)
        state = Mutex(State())
    }

    /// A seed of 4 bytes, big-endian.
    public convenience init(seed: UInt32) {
        self.init(seed: (0..<4).map { UInt8(truncatingIfNeeded: seed >> (24 - 8 * $0)) })
    }

    private init(copying other: SeededRandom) {
        seed = other.seed
        state = Mutex(other.state.withLock { $0 })
    }

    /// A generator of its own that gives the bytes that this one gives from here on.
    public func copy() -> SeededRandom { SeededRandom(copying: self) }

    /// How many bytes of the stream were taken; what is set is where it goes on.
    public var position: UInt64 {
        get { state.withLock { $0.position } }
        set {
            state.withLock { state in
                state.position = newValue
                if !newValue.isMultiple(of: Self.blockSize) { state.block = block(at: newValue) }
            }
        }
    }

    private static let blockSize = UInt64(Digest.byteCount)

    private func block(at position: UInt64) -> Digest {
        let number = position / Self.blockSize
        return SHA1.hash(seed, UInt32(truncatingIfNeeded: number >> 32), UInt32(truncatingIfNeeded: number))
    }

    /// Takes the next bytes of the stream; never throws. The stream does not depend on the sizes asked for.
    public func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        state.withLock { state in
            var offset = 0
            while offset < buffer.count {
                let used = Int(state.position % Self.blockSize)
                if used == 0 { state.block = block(at: state.position) }
                let run = min(Digest.byteCount - used, buffer.count - offset)
                state.block.withUnsafeBytes { block in
                    UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + run])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: block[used..<used + run]))
                }
                state.position &+= UInt64(run)
                offset += run
            }
        }
    }
}

extension RandomSource {
    /// A source that repeats takes no bytes from outside.
    public func stir(_ bytes: [UInt8]) {}

    /// 20 random bytes.
    public func digest() throws(CryptoError) -> Digest {
        var result = Digest()
        var failure: CryptoError?
        result.withUnsafeMutableBytes { failure = attempt($0) }
        if let failure { throw failure }
        return result
    }

    /// `count` random bytes; throws if `count` is negative.
    public func secret(count: Int) throws(CryptoError) -> Secret {
        guard count >= 0 else { throw CryptoError(what: "random size") }
        var failure: CryptoError?
        let result = Secret(count: count) { failure = attempt($0) }
        if let failure { throw failure }
        return result
    }

    /// `count` random bytes; throws if `count` is negative.
    public func bytes(count: Int) throws(CryptoError) -> [UInt8] {
        guard count >= 0 else { throw CryptoError(what: "random size") }
        var result = [UInt8](repeating: 0, count: count)
        var failure: CryptoError?
        result.withUnsafeMutableBytes { failure = attempt($0) }
        if let failure { throw failure }
        return result
    }

    /// 4 random bytes as an integer, big-endian.
    public func uint32() throws(CryptoError) -> UInt32 {
        try bytes(count: 4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    private func attempt(_ buffer: UnsafeMutableRawBufferPointer) -> CryptoError? {
        do {
            try fill(buffer)
            return nil
        } catch {
            return error
        }
    }
}
