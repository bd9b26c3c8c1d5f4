import TPMCrypto

/// Primes of RSA keys that were made before, so that no test has to wait for them. They stand in a public file, so they
/// protect nothing.
///
/// The primes come in pairs, and pair n of a size is the key that `RSAKeyGenerator` makes from
/// `SeededRandom(seed: "key pair BITS 65537 n")`, the larger prime first; `PremadePrimesTests` makes them once more. Of
/// the primes of n pairs n · n keys are made: with its pair's the first prime of each, then with that of the next pair.
struct PremadePrimes: Sendable {
    static let exponent: UInt32 = 65537

    /// What key `number` of a kind is made from.
    static func seed(_ bits: Int, _ exponent: UInt32, _ number: Int) -> String {
        "key pair \(bits) \(exponent) \(number)"
    }

    /// Nil for keys of a size that none were made of.
    static func of(bits: Int) -> PremadePrimes? {
        switch bits {
        case 2048: of2048
        case 1024: of1024
        case 512: of512
        default: nil
        }
    }

    static let of2048 = PremadePrimes(bits: 2048, digits: PremadeDigits.of2048)
    static let of1024 = PremadePrimes(bits: 1024, digits: PremadeDigits.of1024)
    static let of512 = PremadePrimes(bits: 512, digits: PremadeDigits.of512)

    /// Of a prime, in bytes.
    private let size: Int
    /// The primes in hexadecimal, one after another.
    private let digits: [UInt8]

    init(bits: Int, digits: String) {
        size = bits / 16
        self.digits = Array(digits.utf8)
    }

    var pairCount: Int { digits.count / (4 * size) }
    var keyCount: Int { pairCount * pairCount }

    /// A key, by a number from 0 to ``keyCount`` - 1.
    func key(_ number: Int) -> RSAPrimes {
        let pair = number % pairCount
        let other = (pair + number / pairCount) % pairCount
        return RSAPrimes(primes: prime(2 * pair), prime(2 * other + 1), exponent: Self.exponent)
    }

    private func prime(_ number: Int) -> Secret {
        Secret(count: size) { target in
            for (offset, place) in zip(target.indices, stride(from: 2 * size * number, to: digits.count, by: 2)) {
                target[offset] = Self.value(digits[place]) << 4 | Self.value(digits[place + 1])
            }
        }
    }

    private static func value(_ digit: UInt8) -> UInt8 { Hexadecimal.value(of: digit) ?? 0 }
}
