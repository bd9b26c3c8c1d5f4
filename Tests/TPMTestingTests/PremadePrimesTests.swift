import Foundation
import TPMCrypto
import Testing

@testable import TPMTesting

/// The keys that were made before, and their file: `VTPM_WRITE_PREMADE_PRIMES=1 swift test --filter
/// PremadePrimesTests/write` makes it.
@Suite struct PremadePrimesTests {
    private static let pairs = [2048: 32, 1024: 8, 512: 8]

    private static func made(_ bits: Int, _ number: Int) throws -> RSAPrimes {
        let seed = PremadePrimes.seed(bits, PremadePrimes.exponent, number)
        return try RSAKeyGenerator.generate(
            bits: bits, exponent: PremadePrimes.exponent, random: SeededRandom(seed: Array(seed.utf8)))
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["VTPM_WRITE_PREMADE_PRIMES"] != nil))
    func write() throws {
        var text =
            "/// The primes of ``PremadePrimes``, which says how they were made; no secrets.\nenum PremadeDigits {\n"
        for bits in [2048, 1024, 512] {
            let digits = try (0..<(try #require(Self.pairs[bits]))).map { number in
                let pair = try Self.made(bits, number)
                return (pair.p.bytes + pair.q.bytes).map { String(format: "%02x", $0) }.joined()
            }.joined()
            text += "    static let of\(bits) = \"\"\"\n"
            var rest = Substring(digits)
            while !rest.isEmpty {
                text += "        \(rest.prefix(104))" + (rest.count > 104 ? "\\\n" : "\n")
                rest = rest.dropFirst(104)
            }
            text += "        \"\"\"\n" + (bits == 512 ? "" : "\n")
        }
        text += "}\n"
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(components: "..", "..", "Sources", "TPMTesting", "World", "PremadeDigits.swift").standardized
        try Data(text.utf8).write(to: file)
    }

    @Test(arguments: [2048, 1024, 512])
    func theyAreWhatTheirSeedsMake(_ bits: Int) throws {
        let primes = try #require(PremadePrimes.of(bits: bits))
        #expect(primes.pairCount == Self.pairs[bits])
        for number in 0..<primes.pairCount {
            let (found, made) = (primes.key(number), try Self.made(bits, number))
            #expect(found.modulus == made.modulus && found.p == made.p && found.q == made.q)
        }
    }

    @Test(arguments: [2048, 1024, 512])
    func allKeysDiffer(_ bits: Int) throws {
        let primes = try #require(PremadePrimes.of(bits: bits))
        let moduli = Set((0..<primes.keyCount).map { primes.key($0).modulus })
        #expect(moduli.count == primes.pairCount * primes.pairCount)
        #expect(moduli.allSatisfy { $0.count == bits / 8 && $0[0] >= 0x80 })
    }

    @Test func noOtherSizeIsThere() { #expect(PremadePrimes.of(bits: 4096) == nil) }
}
