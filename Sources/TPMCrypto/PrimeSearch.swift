import CGMP

/// The search for one random prime: a sieve over an interval from a random start, then Miller-Rabin.
struct PrimeSearch<Source: RandomSource> {
    let bits: Int
    let exponent: UInt32
    let random: Source

    /// Odd offsets sieved from one random start; a 1024-bit prime is among them nearly always.
    private static var interval: Int { 4096 }

    /// A prime of exactly `bits` bits, a multiple of 8, its two top bits set, with gcd(prime - 1, exponent) = 1.
    func next() throws(CryptoError) -> BigInteger {
        // The bound only ends a loop on a broken random source.
        for _ in 0..<1000 {
            if let prime = try searchInterval() { return prime }
        }
        throw CryptoError(what: "no prime found")
    }

    private func searchInterval() throws(CryptoError) -> BigInteger? {
        let start = BigInteger(try random.secret(count: bits / 8))
        __gmpz_setbit(start.pointer, UInt(bits - 1))
        __gmpz_setbit(start.pointer, UInt(bits - 2))
        __gmpz_setbit(start.pointer, 0)
        let composite = sieve(start)
        for (index, isComposite) in composite.enumerated() where !isComposite {
            let candidate = start + UInt(2 * index)
            guard candidate.bitCount == bits else { return nil }
            let previous = candidate - 1
            guard __gmpz_gcd_ui(nil, previous.pointer, UInt(exponent)) == 1 else { continue }
            if passesFermat(candidate, previous), try passesMillerRabin(candidate, previous) { return candidate }
        }
        return nil
    }

    /// Marks the odd offsets where a small prime divides.
    private func sieve(_ start: BigInteger) -> [Bool] {
        var composite = [Bool](repeating: false, count: Self.interval)
        for prime in SmallPrimes.odd {
            let remainder = Int(__gmpz_fdiv_ui(start.pointer, UInt(prime)))
            // start + 2 i = 0 mod prime: i = -remainder / 2.
            let negated = remainder == 0 ? 0 : prime - remainder
            let first = negated % 2 == 0 ? negated / 2 : (negated + prime) / 2
            for index in stride(from: first, to: Self.interval, by: prime) {
                composite[index] = true
            }
        }
        return composite
    }

    /// 2^(n-1) = 1 mod n: drops nearly every composite at once.
    private func passesFermat(_ candidate: BigInteger, _ previous: BigInteger) -> Bool {
        let two = BigInteger(2)
        let power = withExtendedLifetime((two, candidate, previous)) {
            BigInteger.make { __gmpz_powm($0, two.pointer, previous.pointer, candidate.pointer) }
        }
        return power.compare(1) == 0
    }

    /// Rounds for an error below 2^-100 (FIPS 186-5, table B.1).
    private var rounds: Int {
        switch bits {
        case 1024...: 5
        case 512...: 7
        default: 16
        }
    }

    private func passesMillerRabin(_ candidate: BigInteger, _ previous: BigInteger) throws(CryptoError) -> Bool {
        let twos = __gmpz_scan1(previous.pointer, 0)
        let odd = BigInteger.make { __gmpz_fdiv_q_2exp($0, previous.pointer, twos) }
        for _ in 0..<rounds {
            // A base in 2...n-2; the bias of 64 extra bits reduced is below 2^-64.
            let wide = BigInteger(try random.secret(count: bits / 8 + 8))
            let base = wide.remainder(candidate - 3) + 2
            let power = withExtendedLifetime((base, odd, candidate)) {
                BigInteger.make { __gmpz_powm($0, base.pointer, odd.pointer, candidate.pointer) }
            }
            if power.compare(1) == 0 || power.compare(previous) == 0 { continue }
            var found = false
            for _ in 1..<max(twos, 1) {
                __gmpz_powm_ui(power.pointer, power.pointer, 2, candidate.pointer)
                if power.compare(previous) == 0 {
                    found = true
                    break
                }
            }
            if !found { return false }
        }
        return true
    }
}

/// The odd primes below 2^16.
private enum SmallPrimes {
    static let odd: [Int] = {
        var composite = [Bool](repeating: false, count: 1 << 16)
        var primes: [Int] = []
        for number in stride(from: 3, to: composite.count, by: 2) where !composite[number] {
            primes.append(number)
            for multiple in stride(from: number * number, to: composite.count, by: 2 * number) {
                composite[multiple] = true
            }
        }
        return primes
    }()
}
