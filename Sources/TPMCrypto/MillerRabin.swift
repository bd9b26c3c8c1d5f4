import CGMP

/// The Miller-Rabin test of one odd number above 3 (FIPS 186-5, B.3.1).
struct MillerRabin {
    let candidate: BigInteger
    /// candidate - 1 = odd · 2^twos
    let previous: BigInteger
    private let odd: BigInteger
    private let twos: UInt

    init(candidate: BigInteger, previous: BigInteger) {
        self.candidate = candidate
        self.previous = previous
        let twos = __gmpz_scan1(previous.pointer, 0)
        self.twos = twos
        odd = BigInteger.make { __gmpz_fdiv_q_2exp($0, previous.pointer, twos) }
    }

    /// One round; false proves that the candidate is composite.
    func passes(base: BigInteger) -> Bool {
        let power = withExtendedLifetime((base, odd, candidate)) {
            BigInteger.make { __gmpz_powm($0, base.pointer, odd.pointer, candidate.pointer) }
        }
        if power.compare(1) == 0 || power.compare(previous) == 0 { return true }
        for _ in 1..<max(twos, 1) {
            __gmpz_powm_ui(power.pointer, power.pointer, 2, candidate.pointer)
            if power.compare(previous) == 0 { return true }
        }
        return false
    }
}
