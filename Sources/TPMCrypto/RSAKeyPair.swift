/// A new RSA key: modulus and its primes, big-endian.
public struct RSAPrimes: Sendable {
    /// Exactly the key size, its top bit set.
    public let modulus: [UInt8]
    public let exponent: UInt32
    /// The larger prime, half the size of the modulus.
    public let p: Secret
    /// The smaller prime, half the size of the modulus.
    public let q: Secret

    /// A key that was made elsewhere, by numbers of these sizes.
    public init(modulus: [UInt8], exponent: UInt32, p: Secret, q: Secret) {
        self.modulus = modulus
        self.exponent = exponent
        self.p = p
        self.q = q
    }

    /// The key of two primes of one size, in bytes, in whatever order.
    public init(primes first: Secret, _ second: Secret, exponent: UInt32) {
        let numbers = (BigInteger(first), BigInteger(second))
        let isOrdered = numbers.0.compare(numbers.1) > 0
        self.init(
            modulus: (numbers.0 * numbers.1).secret(count: first.count + second.count).bytes, exponent: exponent,
            p: isOrdered ? first : second, q: isOrdered ? second : first)
    }
}

/// RSA key generation with random probable primes (FIPS 186-5, A.1.3).
public enum RSAKeyGenerator {
    /// Sizes in bits: the three that every TPM 1.2 has, and two that no TPM makes.
    static let sizes = [512, 1024, 2048, 3072, 4096]

    /// Throws unless `bits` is one of 512, 1024, 2048, 3072 and 4096 and `exponent` is odd and at least 3, or when
    /// `random` fails. The result depends on nothing but the arguments.
    public static func generate(
        bits: Int, exponent: UInt32 = 65537, random: some RandomSource
    ) throws(CryptoError) -> RSAPrimes {
        guard sizes.contains(bits) else { throw CryptoError(what: "RSA key size") }
        guard exponent >= 3, exponent % 2 == 1 else { throw CryptoError(what: "RSA exponent") }
        let search = PrimeSearch(bits: bits / 2, exponent: exponent, random: random)
        // Nearly always the first pair will do; the bound only ends a loop on a broken random source.
        for _ in 0..<100 {
            let first = try search.next()
            let second = try search.next()
            // |p - q| > 2^(bits/2 - 100)
            guard first.distance(second).bitCount > bits / 2 - 99 else { continue }
            let (p, q) = first.compare(second) > 0 ? (first, second) : (second, first)
            let modulus = p * q
            guard modulus.bitCount == bits else { continue }
            // d > 2^(bits/2)
            let order = (p - 1).leastCommonMultiple(q - 1)
            guard let d = BigInteger(UInt(exponent)).inverse(order), d.bitCount > bits / 2 + 1 else { continue }
            return RSAPrimes(
                modulus: modulus.secret(count: bits / 8).bytes, exponent: exponent,
                p: p.secret(count: bits / 16), q: q.secret(count: bits / 16))
        }
        throw CryptoError(what: "RSA key generation")
    }
}
