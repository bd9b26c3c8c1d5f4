import Testing

@testable import TPMCrypto

/// Numbers of a stranger's choice in place of an RSA key: none traps, hangs or breaks what comes after.
@Suite struct HostileKeyTests {
    private static let pair = try? RSAKeyGenerator.generate(bits: 1024, random: SeededRandom(seed: 11))

    private func pair() throws -> RSAPrimes { try #require(Self.pair) }

    private func bytes(_ number: BigInteger) -> [UInt8] {
        number.secret(count: (number.bitCount + 7) / 8).bytes
    }

    private func expectRefused(
        _ modulus: [UInt8], _ prime: [UInt8], exponent: UInt32 = 65537,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: CryptoError.self, sourceLocation: sourceLocation) {
            try RSAPrivateKey(modulus: modulus, exponent: exponent, prime: Secret(prime))
        }
    }

    @Test func aFactorThatIsNone() throws {
        let pair = try pair()
        let n = pair.modulus
        for prime in [[], [0], [1], [2], [3], n, [1] + n, [0] + n, [UInt8](repeating: 0xff, count: 5000)] {
            expectRefused(n, prime)
        }
        var other = pair.p.bytes
        other[63] ^= 2
        expectRefused(n, other)
        expectRefused(n, [0, 0] + other)
    }

    @Test func aModulusThatIsNone() throws {
        let pair = try pair()
        let p = pair.p.bytes
        var even = pair.modulus
        even[127] &= 0xfe
        for modulus in [
            [], [0], [1], [UInt8](repeating: 0, count: 128), [0] + pair.modulus, even,
            Array(pair.modulus.prefix(63)), [UInt8](repeating: 0xff, count: 513),
            [UInt8](repeating: 0xff, count: 70_000),
        ] {
            expectRefused(modulus, p)
        }
        expectRefused(bytes(BigInteger(pair.p) * BigInteger(2)), p)
        // A square.
        expectRefused(bytes(BigInteger(pair.modulus) * BigInteger(pair.modulus)), pair.modulus)
    }

    @Test(arguments: [0, 1, 2, 4, 65536, 0xffff_fffe] as [UInt32])
    func anExponentThatIsNone(_ exponent: UInt32) throws {
        let pair = try pair()
        expectRefused(pair.modulus, pair.p.bytes, exponent: exponent)
    }

    @Test func anExponentWithoutInverse() throws {
        // p - 1 is a multiple of the exponent.
        let exponent: UInt32 = 3
        var search = BigInteger(try pair().p)
        search = search - 1
        while !(search.remainder(BigInteger(6)).isZero) { search = search + 1 }
        let factor = search + 1
        expectRefused(bytes(factor * BigInteger(try pair().q)), bytes(factor), exponent: exponent)
    }

    /// Whatever divides the modulus is taken, as no test for primes is asked for; operations end, with nonsense or
    /// an error.
    @Test func factorsThatAreNoPrimes() throws {
        let pair = try pair()
        let q = BigInteger(pair.q)
        var taken = 0
        for factor in [3, 5, 9, 15, 255, 65535, 0xffff_ffff] as [UInt] {
            for other in [q, q * q, BigInteger(pair.modulus)] {
                let modulus = bytes(BigInteger(factor) * other)
                for given in [bytes(BigInteger(factor)), bytes(other)] {
                    guard let key = try? RSAPrivateKey(modulus: modulus, exponent: 65537, prime: Secret(given)) else {
                        continue
                    }
                    taken += 1
                    _ = try? key.signPKCS1(block: DigestInfo.sha1(.zero))
                    for first in [0, 1, 0xff] as [UInt8] {
                        let cipher = [first] + [UInt8](repeating: 7, count: key.modulusSize - 1)
                        _ = try? key.decryptOAEP(cipher)
                        _ = try? key.decryptPKCS1(cipher)
                    }
                    _ = try? key.decryptPKCS1([UInt8](repeating: 0, count: key.modulusSize))
                }
            }
        }
        #expect(taken > 10)
        // A sound key works as before.
        let key = try RSAPrivateKey(primes: pair)
        let cipher = try key.publicKey.encryptOAEP(Secret([1, 2, 3]), random: SeededRandom(seed: 1))
        #expect(try key.decryptOAEP(cipher).bytes == [1, 2, 3])
    }
}
