import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct KeySlotTests {
    @Test(
        arguments: [
            (0x4000_0000, 0x4100_0000), (0x40FF_FFFF, 0x4100_0000), (0x3FFF_FFFF, 0x3FFF_FFFF), (0, 1),
            (0xFFFF_FFFF, 0xFFFF_FFFF),
        ] as [(UInt32, UInt32)])
    func handlesPassOverZeroAndTheReservedOnes(start: UInt32, expected: UInt32) throws {
        var slots = KeySlots()
        let first = try slots.add(try Self.key(), start: start)
        #expect(first.rawValue == expected)
        // A taken handle is passed over too, and the last one is followed by the first.
        let second = try slots.add(try Self.key(), start: start)
        #expect(second.rawValue == (expected == .max ? 1 : expected == 0x3FFF_FFFF ? 0x4100_0000 : expected + 1))
    }

    private static func key() throws -> LoadedKey {
        let primes = try RSAKeyGenerator.generate(bits: 512, random: SeededRandom(seed: 1))
        return LoadedKey(
            key: Key(), payload: .asym, usageAuth: Secret(count: 20), migrationAuth: Secret(count: 20),
            privateKey: try RSAPrivateKey(primes: primes))
    }
}
