import Testing

@testable import TPMCrypto

/// Arithmetic with secret numbers.
@Suite struct OddModulusTests {
    private func number(_ value: UInt) -> SecretNumber { SecretNumber(BigInteger(value)) }

    private func bytes(_ number: SecretNumber, _ count: Int = 4) throws -> [UInt8] {
        try number.bytes(count: count).bytes
    }

    @Test func powersAndProductsAreThoseOfSchoolArithmetic() throws {
        let modulus = try OddModulus([0x03, 0xe5], maximumCount: 2)  // 997
        for base in [0, 1, 2, 996, 997, 5000] as [UInt] {
            var power: UInt = 1
            for exponent in 0..<40 as Range<UInt> {
                #expect(try bytes(modulus.power(number(base), number(exponent))) == bytes(number(power)))
                power = power * (base % 997) % 997
            }
        }
        #expect(try bytes(modulus.product(number(996), number(996))) == [0, 0, 0, 1])
        #expect(try bytes(modulus.product(number(5000), number(0))) == [0, 0, 0, 0])
    }

    @Test func aPowerOfManyLimbsHoldsFermat() throws {
        // 2^521 - 1 is a prime.
        let prime = [0x01] + [UInt8](repeating: 0xff, count: 65)
        let modulus = try OddModulus(prime, maximumCount: 66)
        let previous = [0x01] + [UInt8](repeating: 0xff, count: 64) + [0xfe]
        #expect(modulus.power(number(3), SecretNumber(previous)).isOne)
        #expect(!modulus.power(number(3), SecretNumber(prime)).isOne)
    }

    @Test func aModulusIsOddAboveOneAndNoLongerThanAllowed() throws {
        for bytes: [UInt8] in [[], [0], [1], [2], [0, 0, 1], [0xff, 0xfe], [3, 1, 1], [0, 0, 3]] {
            #expect(throws: CryptoError.self, "\(bytes)") { try OddModulus(bytes, maximumCount: 2) }
        }
        for bytes: [UInt8] in [[3], [0, 3], [0xff, 0xff]] { _ = try OddModulus(bytes, maximumCount: 2) }
    }

    @Test func numbersAreCutAndJoined() throws {
        let value = SecretNumber([0x12, 0x34, 0x56])
        #expect(try bytes(value.lowest(bits: 12)) == [0, 0, 0x04, 0x56])
        #expect(try bytes(value.dropping(bits: 12)) == [0, 0, 0x01, 0x23])
        #expect(try bytes(value.shifted(bits: 4)) == [0x01, 0x23, 0x45, 0x60])
        #expect(try bytes(value + number(0xaa)) == [0, 0x12, 0x35, 0])
        #expect(try bytes(number(0x1234) * number(0x100)) == [0, 0x12, 0x34, 0])
        #expect(try bytes(value.remainder(number(0x100))) == [0, 0, 0, 0x56])
        #expect(try bytes(SecretNumber(Digest(repeating: 0)), 2) == [0, 0])
        #expect(throws: CryptoError.self) { try value.remainder(number(0)) }
        #expect(throws: CryptoError.self) { try value.shifted(bits: 1 << 20) }
        #expect(throws: CryptoError.self) { try value.bytes(count: 2) }
        #expect(try value.bytes(count: 3).bytes == [0x12, 0x34, 0x56])
    }

    @Test func aNumberDoesNotShowItself() {
        var text = ""
        dump(SecretNumber([0x7b]), to: &text)
        #expect("\(SecretNumber([0x7b]))" == "<secret>" && !text.contains("7b") && !text.contains("123"))
    }

    @Test func aSecretMaskIsTheMask() throws {
        let seed = Secret([1, 2, 3])
        #expect(try MGF1.generateSecret(seed: seed, count: 43).bytes == MGF1.generate(seed: seed, count: 43))
        #expect(throws: CryptoError.self) { try MGF1.generateSecret(seed: seed, count: -1) }
    }
}
