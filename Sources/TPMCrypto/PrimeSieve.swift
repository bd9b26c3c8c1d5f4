import CGMP

/// Trial division by the odd primes below 2^14: about one random odd number in nine is left.
///
/// The primes stand in groups whose product fits a word. One division of the long number by the product leaves a
/// word with the same divisors among the group. A bound of 2^14 is where dividing on costs what it saves in
/// Miller-Rabin rounds.
struct PrimeSieve: Sendable {
    static let shared = PrimeSieve(below: 1 << 14)

    private let divisors: [Divisor]
    private let groups: [Group]

    private struct Group {
        let product: UInt
        /// Their places in `divisors`.
        let members: Range<Int>
    }

    /// - Parameter limit: 2^32 at most.
    init(below limit: Int) {
        let primes = Self.oddPrimes(below: limit)
        divisors = primes.map(Divisor.init)
        var groups: [Group] = []
        var (product, start): (UInt, Int) = (1, 0)
        for (index, prime) in primes.enumerated() {
            let (longer, overflow) = product.multipliedReportingOverflow(by: prime)
            if overflow {
                groups.append(Group(product: product, members: start..<index))
                (product, start) = (prime, index)
            } else {
                product = longer
            }
        }
        groups.append(Group(product: product, members: start..<primes.count))
        self.groups = groups
    }

    /// Whether one of the primes divides `number`, which is larger than all of them.
    func findsDivisor(of number: BigInteger) -> Bool {
        for group in groups {
            let remainder = __gmpz_fdiv_ui(number.pointer, group.product)
            for index in group.members where divisors[index].divides(remainder) { return true }
        }
        return false
    }

    /// The sieve of Eratosthenes.
    private static func oddPrimes(below limit: Int) -> [UInt] {
        var composite = [Bool](repeating: false, count: max(limit, 0))
        var primes: [UInt] = []
        for number in stride(from: 3, to: composite.count, by: 2) where !composite[number] {
            primes.append(UInt(number))
            for multiple in stride(from: number * number, to: composite.count, by: 2 * number) {
                composite[multiple] = true
            }
        }
        return primes
    }
}

/// An odd divisor of words that are tested by a multiplication: times the inverse of the divisor modulo 2^64, its
/// multiples, and no others, give the quotients 0...limit.
private struct Divisor {
    private let inverse: UInt
    private let limit: UInt

    init(_ divisor: UInt) {
        // An odd number is its own inverse modulo 8; each of Newton's steps doubles the 3 bits that are right.
        var inverse = divisor
        for _ in 0..<5 { inverse = inverse &* (2 &- divisor &* inverse) }
        self.inverse = inverse
        limit = UInt.max / divisor
    }

    func divides(_ word: UInt) -> Bool { word &* inverse <= limit }
}
