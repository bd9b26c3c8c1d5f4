import CGMP

/// The search for one random prime of RSA (FIPS 186-5, A.1.3, steps 4 and 5).
///
/// Every candidate is drawn anew from the random source, all of its bits but the two top ones and the lowest, so
/// each prime is as likely as any other; a search that walks on from one random start prefers primes behind long
/// gaps. The sieve therefore takes one candidate at a time: it divides by words, each the product of several small
/// primes. What is left takes a Miller-Rabin round to base 2, which ends nearly every composite, and then the
/// standard's rounds to random bases.
struct PrimeSearch<Source: RandomSource> {
    /// Size of the prime, a multiple of 64.
    let bits: Int
    let exponent: UInt32
    let random: Source

    /// A prime of exactly `bits` bits, its two top bits set, with gcd(prime - 1, exponent) = 1.
    func next() throws(CryptoError) -> BigInteger {
        let sieve = PrimeSieve.shared
        // One odd number of that size in about bits / 3 is a prime: the bound ends a loop on a broken source only.
        for _ in 0..<20 * bits {
            let candidate = try drawCandidate()
            if sieve.findsDivisor(of: candidate) { continue }
            let previous = candidate - 1
            guard __gmpz_gcd_ui(nil, previous.pointer, UInt(exponent)) == 1 else { continue }
            let test = MillerRabin(candidate: candidate, previous: previous)
            if test.passes(base: BigInteger(2)), try passesRandomBases(test) { return candidate }
        }
        throw CryptoError(what: "no prime found")
    }

    private func drawCandidate() throws(CryptoError) -> BigInteger {
        let candidate = try BigInteger(bits: bits, random: random)
        __gmpz_setbit(candidate.pointer, UInt(bits - 1))
        __gmpz_setbit(candidate.pointer, UInt(bits - 2))
        __gmpz_setbit(candidate.pointer, 0)
        return candidate
    }

    /// Rounds to random bases: for 1024 bits FIPS 186-5, table B.1; for the sizes that it no longer knows, the
    /// fewest for an error below 2^-100 by the bound of its appendix C.1.
    private var rounds: Int {
        switch bits {
        case 1024...: 5
        case 512...: 7
        default: 16
        }
    }

    private func passesRandomBases(_ test: MillerRabin) throws(CryptoError) -> Bool {
        for _ in 0..<rounds {
            guard test.passes(base: try drawBase(test)) else { return false }
        }
        return true
    }

    /// A base in 2...candidate - 2, drawn until it lies there (FIPS 186-5, B.3.1, steps 4.1 and 4.2).
    private func drawBase(_ test: MillerRabin) throws(CryptoError) -> BigInteger {
        for _ in 0..<200 {
            let base = try BigInteger(bits: bits, random: random)
            if base.compare(1) > 0, base.compare(test.previous) < 0 { return base }
        }
        throw CryptoError(what: "Miller-Rabin base")
    }
}
