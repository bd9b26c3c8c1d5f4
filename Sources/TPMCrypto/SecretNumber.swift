import CGMP

/// A non-negative integer of any size that may be secret: wiped when the last copy dies, and never printed.
///
/// It has no bound of its own: who makes one from input bounds its bytes. Confined to the call that makes it, so not
/// Sendable.
public struct SecretNumber: CustomStringConvertible, CustomReflectable {
    let value: BigInteger

    init(_ value: BigInteger) { self.value = value }

    /// Reads big-endian bytes.
    public init(_ secret: Secret) { value = BigInteger(secret) }

    /// Reads big-endian bytes.
    public init(_ bytes: [UInt8]) { value = BigInteger(bytes) }

    /// Reads 20 big-endian bytes.
    public init(_ digest: Digest) { value = digest.withUnsafeBytes { BigInteger(bytes: $0) } }

    public var isZero: Bool { value.isZero }
    public var isOne: Bool { value.compare(1) == 0 }

    /// A number that GMP computes from this one's pointer, which stays valid during the call.
    private func map(
        _ body: (UnsafeMutablePointer<__mpz_struct>, UnsafeMutablePointer<__mpz_struct>) -> Void
    ) -> SecretNumber {
        withExtendedLifetime(value) { SecretNumber(BigInteger.make { body($0, value.pointer) }) }
    }

    public static func + (a: SecretNumber, b: SecretNumber) -> SecretNumber {
        withExtendedLifetime(b.value) { a.map { __gmpz_add($0, $1, b.value.pointer) } }
    }

    public static func * (a: SecretNumber, b: SecretNumber) -> SecretNumber { SecretNumber(a.value * b.value) }

    /// Remainder; throws for a modulus of zero.
    public func remainder(_ modulus: SecretNumber) throws(CryptoError) -> SecretNumber {
        guard !modulus.isZero else { throw CryptoError(what: "modulus zero") }
        return SecretNumber(value.remainder(modulus.value))
    }

    /// The lowest bits; `bits` is not negative.
    public func lowest(bits: Int) -> SecretNumber {
        map { __gmpz_fdiv_r_2exp($0, $1, UInt(max(bits, 0))) }
    }

    /// All but the lowest bits; `bits` is not negative.
    public func dropping(bits: Int) -> SecretNumber {
        map { __gmpz_fdiv_q_2exp($0, $1, UInt(max(bits, 0))) }
    }

    /// This · 2 ^ bits, where `bits` is 0...65536.
    public func shifted(bits: Int) throws(CryptoError) -> SecretNumber {
        guard (0...65536).contains(bits) else { throw CryptoError(what: "shift") }
        return map { __gmpz_mul_2exp($0, $1, UInt(bits)) }
    }

    /// Big-endian bytes with zeros in front up to `count`; throws if they do not fit.
    public func bytes(count: Int) throws(CryptoError) -> Secret {
        guard (value.bitCount + 7) / 8 <= count else { throw CryptoError(what: "number size") }
        return value.secret(count: count)
    }

    public var description: String { "<secret>" }

    /// A mirror without children, so that `dump` shows nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
