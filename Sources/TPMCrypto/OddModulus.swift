import CGMP

/// Arithmetic modulo an odd number with exponents that are secret: powers by mpz_powm_sec, whose time and memory
/// accesses depend on the sizes of the numbers alone.
///
/// Confined to the call that makes it, so not Sendable.
public struct OddModulus {
    private let modulus: BigInteger

    /// Takes a big-endian number; throws unless it is odd, above 1 and at most `maximumCount` bytes long.
    public init(_ bytes: [UInt8], maximumCount: Int) throws(CryptoError) {
        guard bytes.count <= maximumCount else { throw CryptoError(what: "modulus size") }
        modulus = BigInteger(bytes)
        guard modulus.isOdd, modulus.compare(1) > 0 else { throw CryptoError(what: "modulus value") }
    }

    /// base ^ exponent mod this. Both may be zero; 0 ^ 0 is 1.
    public func power(_ base: SecretNumber, _ exponent: SecretNumber) -> SecretNumber {
        // GMP asks for an exponent above zero.
        guard !exponent.value.isZero else { return SecretNumber(BigInteger(1)) }
        return withExtendedLifetime((base.value, exponent.value, modulus)) {
            SecretNumber(
                BigInteger.make {
                    __gmpz_powm_sec($0, base.value.pointer, exponent.value.pointer, modulus.pointer)
                })
        }
    }

    /// a · b mod this.
    public func product(_ a: SecretNumber, _ b: SecretNumber) -> SecretNumber {
        SecretNumber((a.value * b.value).remainder(modulus))
    }
}
