import Testing

@testable import TPMCrypto

@Suite struct ValueTests {
    @Test func digestBytes() {
        let bytes = (0..<20).map { UInt8($0) }
        #expect(Digest(bytes)?.bytes == bytes)
        #expect(Digest(bytes)?.description == "000102030405060708090a0b0c0d0e0f10111213")
        #expect(Digest(bytes.dropLast()) == nil)
        #expect(Digest(bytes + [0]) == nil)
        #expect(Digest.zero.isZero && !Digest(repeating: 1).isZero)
        #expect(MemoryLayout<Digest>.size == 20)
    }

    @Test(arguments: 0..<20)
    func digestEquality(changed: Int) {
        var other = Digest(repeating: 3)
        other.withUnsafeMutableBytes { $0[changed] = 4 }
        #expect(other != Digest(repeating: 3))
        #expect(!constantTimeEqual(other, Digest(repeating: 3)))
        #expect(constantTimeEqual(other, other))
    }

    @Test func secretDoesNotPrint() {
        let secret = Secret([0xAB, 0xCD])
        #expect("\(secret)" == "<secret>" && String(reflecting: secret) == "<secret>")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("171") && !dumped.contains("Storage"))
    }

    @Test func secretEquality() {
        #expect(Secret([1, 2]) == Secret([1, 2]))
        #expect(Secret([1, 2]) != Secret([1, 3]))
        #expect(Secret([1, 2]) != Secret([1, 2, 0]))
        #expect(Secret([]) == Secret(count: 0))
        #expect(Secret(count: -5).count == 0)
        #expect(Secret(Digest(repeating: 5)).bytes == [UInt8](repeating: 5, count: 20))
    }

    @Test func seededRandomIsDeterministic() throws {
        let whole = try SeededRandom(seed: 1).bytes(count: 100)
        let source = SeededRandom(seed: 1)
        let pieces = try source.bytes(count: 7) + source.bytes(count: 50) + source.bytes(count: 43)
        #expect(whole == pieces)
        #expect(try SeededRandom(seed: 2).bytes(count: 100) != whole)
        #expect(try SystemRandom().digest() != SystemRandom().digest())
        #expect(throws: CryptoError.self) { try source.bytes(count: -1) }
    }

    @Test func stirringLeavesTheSystemsSourceWorking() throws {
        let source = SystemRandom()
        for bytes in [[], [UInt8](repeating: 1, count: 255)] {
            source.stir(bytes)
            #expect(try source.digest() != source.digest())
        }
    }
}
