import Testing

@testable import TPMCrypto

@Suite struct AESTests {
    private let key = Secret(hex("2b7e151628aed2a6abf7158809cf4f3c"))
    private let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")

    @Test func ctrVector() throws {
        let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
        let expected = hex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff")
        #expect(try AES.ctr(key: key, iv: iv, data: plain) == expected)
        #expect(try AES.ctr(key: key, iv: iv, data: expected) == plain)
    }

    @Test func ofbVector() throws {
        let iv = hex("000102030405060708090a0b0c0d0e0f")
        let expected = hex("3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825")
        #expect(try AES.ofb(key: key, iv: iv, data: plain) == expected)
    }

    @Test func counterWrapsWithoutCarry() throws {
        let zeros = [UInt8](repeating: 0, count: 40)
        let last = hex("0102030405060708090a0b0cffffffff")
        let first = hex("0102030405060708090a0b0c00000000")
        let stream = try AES.ctr(key: key, iv: last, data: zeros)
        #expect(try Array(stream[..<16]) == AES.ctr(key: key, iv: last, data: Array(zeros[..<16])))
        #expect(try Array(stream[16...]) == AES.ctr(key: key, iv: first, data: Array(zeros[16...])))
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
    }
}

func hex(_ text: String) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
}
