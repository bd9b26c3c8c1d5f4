import Testing

@testable import TPMCrypto

@Suite struct AESTests {
    private let key = Secret(hex(key128))
    private let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")

    /// NIST SP 800-38A, the plaintext of all its examples and the keys of its three sizes.
    private static let fourBlocks = hex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
            + "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
    private static let key128 = "2b7e151628aed2a6abf7158809cf4f3c"
    private static let key192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
    private static let key256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"

    /// NIST SP 800-38A, F.5.1, F.5.3 and F.5.5.
    @Test(arguments: [
        (
            key128,
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
                + "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
        ),
        (
            key192,
            "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"
                + "1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"
        ),
        (
            key256,
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
                + "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
        ),
    ])
    func ctrExamplesOfTheStandard(key: String, sealed: String) throws {
        let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
        #expect(try AES.ctr(key: Secret(hex(key)), iv: iv, data: Self.fourBlocks) == hex(sealed))
        #expect(try AES.ctr(key: Secret(hex(key)), iv: iv, data: hex(sealed)) == Self.fourBlocks)
        #expect(try AES.ctr(key: Secret(hex(key)), iv: iv, data: Secret(hex(sealed))) == Secret(Self.fourBlocks))
    }

    /// NIST SP 800-38A, F.4.1, F.4.3 and F.4.5.
    @Test(arguments: [
        (
            key128,
            "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825"
                + "9740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e"
        ),
        (
            key192,
            "cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c1100401"
                + "8d9a9aeac0f6596f559c6d4daf59a5f26d9f200857ca6c3e9cac524bd9acc92a"
        ),
        (
            key256,
            "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d"
                + "71ab47a086e86eedf39d1c5bba97c4080126141d67f37be8538f5a8be740e484"
        ),
    ])
    func ofbExamplesOfTheStandard(key: String, sealed: String) throws {
        let iv = hex("000102030405060708090a0b0c0d0e0f")
        #expect(try AES.ofb(key: Secret(hex(key)), iv: iv, data: Self.fourBlocks) == hex(sealed))
        #expect(try AES.ofb(key: Secret(hex(key)), iv: iv, data: hex(sealed)) == Self.fourBlocks)
    }

    /// NIST SP 800-38A, F.2.1, F.2.3 and F.2.5; the padding is a block of its own.
    @Test(arguments: [
        (
            key128,
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
                + "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
        ),
        (
            key192,
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
                + "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"
        ),
        (
            key256,
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
                + "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
        ),
    ])
    func cbcExamplesOfTheStandard(key: String, sealed: String) throws {
        let iv = hex("000102030405060708090a0b0c0d0e0f")
        let result = try AES.encryptCBC(key: Secret(hex(key)), iv: iv, data: Secret(Self.fourBlocks))
        #expect(Array(result.prefix(64)) == hex(sealed))
        #expect(result.count == 80)
        #expect(try AES.decryptCBC(key: Secret(hex(key)), iv: iv, data: result).bytes == Self.fourBlocks)
    }

    @Test(arguments: 0...33)
    func cbcPadsEverySize(count: Int) throws {
        let iv = [UInt8](repeating: 7, count: 16)
        let data = (0..<count).map { UInt8($0) }
        let sealed = try AES.encryptCBC(key: key, iv: iv, data: Secret(data))
        #expect(sealed.count == count / 16 * 16 + 16)
        #expect(try AES.decryptCBC(key: key, iv: iv, data: sealed).bytes == data)
    }

    @Test func cbcRefusesWhatHasNoPadding() throws {
        let iv = [UInt8](repeating: 0, count: 16)
        for last: UInt8 in [0, 17, 2] {
            // Padded once more, and that padding cut off: the data then ends with these bytes.
            let data = [UInt8](repeating: 1, count: 15) + [last]
            let sealed = try AES.encryptCBC(key: key, iv: iv, data: Secret(data))
            #expect(throws: CryptoError(what: "AES padding")) {
                try AES.decryptCBC(key: key, iv: iv, data: Array(sealed.prefix(16)))
            }
        }
        for size in [0, 15, 17] {
            #expect(throws: CryptoError(what: "AES data size")) {
                try AES.decryptCBC(key: key, iv: iv, data: [UInt8](repeating: 0, count: size))
            }
        }
    }

    /// RFC 3686, test vectors 1 and 2.
    @Test(arguments: [
        (
            "ae6852f8121067cc4bf7a5765577f39e", "00000030000000000000000000000001", Array("Single block msg".utf8),
            "e4095d4fb7a7b3792d6175a3261311b8"
        ),
        (
            "7e24067817fae0d743d6ce1f32539163", "006cb6dbc0543b59da48d90b00000001", (0..<32).map { UInt8($0) },
            "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28"
        ),
    ])
    func ctrVectorsOfRFC3686(key: String, iv: String, plain: [UInt8], sealed: String) throws {
        #expect(try AES.ctr(key: Secret(hex(key)), iv: hex(iv), data: plain) == hex(sealed))
    }

    @Test func counterWrapsWithoutCarry() throws {
        let zeros = [UInt8](repeating: 0, count: 40)
        let last = hex("0102030405060708090a0b0cffffffff")
        let first = hex("0102030405060708090a0b0c00000000")
        let stream = try AES.ctr(key: key, iv: last, data: zeros)
        #expect(try Array(stream[..<16]) == AES.ctr(key: key, iv: last, data: Array(zeros[..<16])))
        #expect(try Array(stream[16...]) == AES.ctr(key: key, iv: first, data: Array(zeros[16...])))
        #expect(try AES.ctr(key: key, iv: last, data: Secret(zeros)).bytes == stream)
    }

    @Test(arguments: [16, 24, 32])
    func keySizes(size: Int) throws {
        let iv = [UInt8](repeating: 1, count: 16)
        let key = Secret(count: size)
        let sealed = try AES.ctr(key: key, iv: iv, data: plain)
        #expect(sealed != plain)
        #expect(try AES.ctr(key: key, iv: iv, data: sealed) == plain)
        #expect(try AES.ofb(key: key, iv: iv, data: AES.ofb(key: key, iv: iv, data: plain)) == plain)
        #expect(try AES.ctr(key: key, iv: iv, data: []) == [])
    }

    @Test func wrongSizes() {
        let iv = [UInt8](repeating: 0, count: 16)
        #expect(throws: CryptoError.self) { try AES.ctr(key: Secret(count: 15), iv: iv, data: []) }
        #expect(throws: CryptoError.self) { try AES.ofb(key: Secret(count: 0), iv: iv, data: []) }
        #expect(throws: CryptoError.self) { try AES.ctr(key: key, iv: [], data: [1]) }
        #expect(throws: CryptoError.self) { try AES.ctr(key: Secret(count: 33), iv: iv, data: Secret([1])) }
        #expect(throws: CryptoError.self) { try AES.ofb(key: key, iv: iv + [0], data: [1]) }
    }
}

func hex(_ text: String) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
}
