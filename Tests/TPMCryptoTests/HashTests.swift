import Testing

@testable import TPMCrypto

@Suite struct HashTests {
    /// The examples of FIPS 180.
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
                + "nopqrstu", "a49b2446a02c645bf419f995b67091253a04a259"
        ),
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

    @Test func aHashTakenApartGoesOnElsewhere() throws {
        let bytes = (0..<200).map { UInt8($0) }
        for split in 0...bytes.count {
            var first = SHA1()
            first.update(bytes[..<split])
            let parts = first.parts
            #expect(parts.count == UInt64(split) && parts.pending == Secret(Array(bytes[(split - split % 64)..<split])))
            var second = try #require(SHA1(parts))
            #expect(second.parts == parts)
            second.update(bytes[split...])
            #expect(second.finalize() == SHA1.hash(bytes))
        }
    }

    /// The chaining value after "a" 64 times; FIPS 180-4's words in a row.
    @Test func thePartsAreThoseOfTheStandard() {
        #expect(SHA1().parts.chain.description == "67452301efcdab8998badcfe10325476c3d2e1f0")
        var hash = SHA1()
        hash.update([UInt8](repeating: 0x61, count: 65))
        #expect(hash.parts.chain.description == "da4968eb2e377c1f884e8f5283524bebe74ebdbd")
        #expect(hash.parts.count == 65 && hash.parts.pending == Secret([0x61]))
    }

    @Test func partsOfNoHashAreRefused() {
        let chain = Digest(repeating: 1)
        #expect(SHA1(.init(chain: chain, count: 64, pending: Secret([]))) != nil)
        #expect(SHA1(.init(chain: chain, count: 64, pending: Secret([1]))) == nil)
        #expect(SHA1(.init(chain: chain, count: 65, pending: Secret([]))) == nil)
        #expect(SHA1(.init(chain: chain, count: 127, pending: Secret(count: 63))) != nil)
        #expect(SHA1(.init(chain: chain, count: 128, pending: Secret(count: 64))) == nil)
        // Less than a block leaves the chaining value as it was.
        #expect(SHA1(.init(chain: chain, count: 1, pending: Secret([1]))) == nil)
        #expect(SHA1(.init(chain: SHA1().parts.chain, count: 1, pending: Secret([1]))) != nil)
        // The most that the standard counts, and what its count has no room for.
        #expect(SHA1(.init(chain: chain, count: 1 << 61 - 1, pending: Secret(count: 63))) != nil)
        #expect(SHA1(.init(chain: chain, count: 1 << 61, pending: Secret([]))) == nil)
        #expect(SHA1(.init(chain: chain, count: .max, pending: Secret(count: 63))) == nil)
    }

    @Test func partsEqualTheWhole() {
        let digest = Digest(repeating: 7)
        let whole: [UInt8] = [1, 0, 2, 0, 0, 0, 3] + digest.bytes + [9]
        #expect(SHA1.hash(UInt8(1), UInt16(2), UInt32(3), digest, Secret([9])) == SHA1.hash(whole))
        #expect(SHA1.hash(digest, digest) == SHA1.hash(digest.bytes + digest.bytes))
    }

    /// RFC 2202, all seven cases of HMAC-SHA1.
    @Test(arguments: [
        ([UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8), "b617318655057264e28bc0b6fb378c8ef146be00"),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "125d7342b9ac11cd91a39af48aa17b4f63f175d3"
        ),
        ((1...25).map { UInt8($0) }, [UInt8](repeating: 0xcd, count: 50), "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
        (
            [UInt8](repeating: 0x0c, count: 20), Array("Test With Truncation".utf8),
            "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"
        ),
        (
            [UInt8](repeating: 0xaa, count: 80), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112"
        ),
        (
            [UInt8](repeating: 0xaa, count: 80),
            Array("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data".utf8),
            "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"
        ),
    ])
    func hmacVectors(key: [UInt8], bytes: [UInt8], expected: String) {
        #expect(HMAC.authenticate(key: Secret(key), bytes).description == expected)
        var incremental = HMAC(key: Secret(key))
        incremental.update(bytes[..<3])
        incremental.update(Array(bytes[3...]))
        #expect(incremental.finalize().description == expected)
    }

    @Test func hmacOfPartsIsThatOfTheWhole() {
        let key = Secret(Digest(repeating: 4))
        let nonce = Digest(repeating: 9)
        let whole = HMAC.authenticate(key: key, nonce.bytes + [0, 0, 1, 2, 7])
        #expect(HMAC.authenticate(key: key, nonce, UInt32(0x102), UInt8(7)) == whole)
        #expect(HMAC.authenticate(key: key, nonce, Secret([0, 0]), [1, 2, 7][...]) == whole)
        var forked = HMAC(key: key)
        forked.update(nonce)
        let other = forked
        forked.update(uint32: 0x102)
        forked.update(uint8: 7)
        #expect(forked.finalize() == whole && other.finalize() == HMAC.authenticate(key: key, nonce))
    }

    /// The long masks were computed with Python's hashlib from PKCS #1's definition.
    @Test func mgf1() throws {
        let mask = try MGF1.generate(seed: Secret(Array("foo".utf8)), count: 5)
        #expect(mask == [0x1a, 0xc9, 0x07, 0x5c, 0xd4])
        let long = hex(
            "a03eb8ac3e6ad809805ec489ce85f2cefe8d00c69595e19565aec43db343f6e8"
                + "c11e1224a7617f6f8d54d36ca26d2a23f022")
        #expect(try MGF1.generate(seed: Secret(Array("abc".utf8)), count: 50) == long)
        var data = [UInt8](repeating: 0xFF, count: 50)
        try MGF1.xor(seed: Secret(Array("abc".utf8)), into: &data)
        #expect(data == long.map { ~$0 })
        #expect(try MGF1.generate(seed: Secret([]), count: 0).isEmpty)
        #expect(throws: CryptoError.self) { try MGF1.generate(seed: Secret([]), count: -1) }
        #expect(throws: CryptoError.self) { try MGF1.generate(seed: Secret([]), count: 1 << 21) }
    }
}
