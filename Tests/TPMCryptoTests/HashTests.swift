import Testing

@testable import TPMCrypto

@Suite struct HashTests {
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    ])
    func sha1Vectors(text: String, expected: String) {
        let bytes = Array(text.utf8)
        #expect(SHA1.hash(bytes).description == expected)
        var incremental = SHA1()
        for byte in bytes { incremental.update(uint8: byte) }
        #expect(incremental.finalize().description == expected)
    }

    @Test func sha1MillionAs() {
        #expect(
            SHA1.hash([UInt8](repeating: 0x61, count: 1_000_000)).description
                == "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
    }

    @Test func copyIsAFork() {
        var first = SHA1()
        first.update([0x61])
        var second = first
        first.update([0x62, 0x63])
        second.update([0x78])
        #expect(first.finalize() == SHA1.hash(Array("abc".utf8)))
        #expect(second.finalize() == SHA1.hash(Array("ax".utf8)))
        #expect(first.finalize() == first.finalize())
    }

    @Test func partsEqualTheWhole() {
        let digest = Digest(repeating: 7)
        let whole: [UInt8] = [1, 0, 2, 0, 0, 0, 3] + digest.bytes + [9]
        #expect(SHA1.hash(UInt8(1), UInt16(2), UInt32(3), digest, Secret([9])) == SHA1.hash(whole))
        #expect(SHA1.hash(digest, digest) == SHA1.hash(digest.bytes + digest.bytes))
    }

    @Test(arguments: [
        ([UInt8](repeating: 0x0b, count: 20), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
        (Array("Jefe".utf8), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (
            [UInt8](repeating: 0xaa, count: 80), "Test Using Larger Than Block-Size Key - Hash Key First",
            "aa4ae5e15272d00e95705637ce8a3b55ed402112"
        ),
    ])
    func hmacVectors(key: [UInt8], text: String, expected: String) {
        let bytes = Array(text.utf8)
        #expect(HMAC.authenticate(key: Secret(key), bytes).description == expected)
        var incremental = HMAC(key: Secret(key))
        incremental.update(bytes[..<3])
        incremental.update(Array(bytes[3...]))
        #expect(incremental.finalize().description == expected)
    }

    @Test func mgf1() throws {
        let mask = try MGF1.generate(seed: Secret(Array("foo".utf8)), count: 5)
        #expect(mask == [0x1a, 0xc9, 0x07, 0x5c, 0xd4])
        #expect(throws: CryptoError.self) { try MGF1.generate(seed: Secret([]), count: -1) }
        #expect(throws: CryptoError.self) { try MGF1.generate(seed: Secret([]), count: 1 << 21) }
    }
}
