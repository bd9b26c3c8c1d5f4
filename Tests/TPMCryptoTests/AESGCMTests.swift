import Testing

@testable import TPMCrypto

@Suite struct AESGCMTests {
    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private func key(_ hexadecimal: String) -> Secret { Secret(bytes(hexadecimal)) }

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13, 14 and 16.
    @Test func theAnswersAreThePublishedOnes() throws {
        let zeros = Secret(count: 32)
        let iv = [UInt8](repeating: 0, count: 12)
        #expect(
            try AESGCM.seal(Secret(count: 0), key: zeros, iv: iv, additional: [])
                == bytes("530f8afbc74536b9a963b4f1c4cb738b"))
        #expect(
            try AESGCM.seal(Secret(count: 16), key: zeros, iv: iv, additional: [])
                == bytes("cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919"))
        let sealed = try AESGCM.seal(
            key(
                """
                d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39
                """),
            key: key("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
            iv: bytes("cafebabefacedbaddecaf888"), additional: bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
        #expect(
            sealed
                == bytes(
                    """
                    522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
                    8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
                    76fc6ece0f4e1768cddf8853bb2d551b
                    """))
    }

    @Test(arguments: [0, 1, 15, 16, 17, 4096])
    func onlyWhatWasSealedOpens(count: Int) throws {
        let random = SeededRandom(seed: UInt32(count))
        let (key, other) = (try random.secret(count: 32), try random.secret(count: 32))
        let (iv, data) = (try random.bytes(count: 12), try random.secret(count: count))
        let sealed = try AESGCM.seal(data, key: key, iv: iv, additional: [1, 2, 3])
        #expect(sealed.count == count + AESGCM.tagSize)
        #expect(try AESGCM.open(sealed, key: key, iv: iv, additional: [1, 2, 3]) == data)
        func isRefused(_ sealed: [UInt8], _ key: Secret, _ iv: [UInt8], _ additional: [UInt8]) -> Bool {
            (try? AESGCM.open(sealed, key: key, iv: iv, additional: additional)) == nil
        }
        for index in sealed.indices {
            var turned = sealed
            turned[index] ^= 0x80
            #expect(isRefused(turned, key, iv, [1, 2, 3]))
        }
        #expect(isRefused(sealed, other, iv, [1, 2, 3]))
        #expect(isRefused(sealed, key, [UInt8](iv.reversed()), [1, 2, 3]))
        #expect(isRefused(sealed, key, iv, [1, 2]) && isRefused(sealed, key, iv, []))
        #expect(isRefused(Array(sealed.dropLast()), key, iv, [1, 2, 3]))
        #expect(isRefused(sealed + [0], key, iv, [1, 2, 3]) && isRefused([], key, iv, [1, 2, 3]))
    }

    @Test func otherSizesThrow() {
        for (keySize, ivSize) in [(0, 12), (16, 12), (31, 12), (33, 12), (32, 0), (32, 11), (32, 16)] {
            let (key, iv) = (Secret(count: keySize), [UInt8](repeating: 0, count: ivSize))
            #expect(throws: CryptoError.self) { try AESGCM.seal(Secret(count: 3), key: key, iv: iv, additional: []) }
            #expect(throws: CryptoError.self) {
                try AESGCM.open([UInt8](repeating: 0, count: 20), key: key, iv: iv, additional: [])
            }
        }
    }
}

@Suite struct HMACSHA256Tests {
    /// RFC 4231, test cases 1, 2 and 6.
    @Test func theAnswersAreThePublishedOnes() {
        func code(_ key: Secret, _ text: String) -> String {
            SHA256.authenticate(key: key, Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                .joined()
        }
        #expect(
            code(Secret([UInt8](repeating: 0x0b, count: 20)), "Hi There")
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            code(Secret(Array("Jefe".utf8)), "what do ya want for nothing?")
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            code(
                Secret([UInt8](repeating: 0xaa, count: 131)),
                "Test Using Larger Than Block-Size Key - Hash Key First")
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func aDerivedKeyDependsOnKeyAndContext() {
        let keys = [
            SHA256.deriveKey(from: Secret([1]), [1]), SHA256.deriveKey(from: Secret([1]), [2]),
            SHA256.deriveKey(from: Secret([2]), [1]),
        ]
        #expect(keys[0].count == 32 && keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2])
        #expect(keys[0] == SHA256.deriveKey(from: Secret([1]), [1]))
    }
}
