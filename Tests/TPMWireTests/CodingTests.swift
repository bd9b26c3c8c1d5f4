import TPMCrypto
import Testing

@testable import TPMWire

/// One field of every kind.
private struct Sample: WireStructure, Equatable {
    struct Inner: WireStructure, Equatable {
        var number: UInt16 = 0
        init() {}
        init(_ number: UInt16) { self.number = number }
        mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint16("number", &number)
        }
    }

    var flag = false
    var blob: [UInt8] = []
    var secret = Secret(count: 20)
    var inner: Inner?
    var list: [Inner] = []

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.contextBlob)
        try coder.bool("flag", &flag)
        try coder.sized("blob", .u16("blobSize"), &blob)
        try coder.authData("secret", &secret)
        try coder.sizedStructure("inner", .u32("innerSize"), &inner)
        var count = UInt16(clamping: list.count)
        try coder.uint16("count", &count)
        try coder.array("list", &list, count: Int(count))
    }

    static var full: Sample {
        var sample = Sample()
        sample.flag = true
        sample.blob = [1, 2, 3]
        sample.secret = Secret([UInt8](repeating: 0x55, count: 20))
        sample.inner = Inner(0x1234)
        sample.list = [Inner(1), Inner(2)]
        return sample
    }
}

@Suite struct CodingTests {
    private static let bytes: [UInt8] =
        [0, 1, 1, 0, 3, 1, 2, 3] + [UInt8](repeating: 0x55, count: 20)
        + [0, 0, 0, 2, 0x12, 0x34, 0, 2, 0, 1, 0, 2]

    @Test func encodingIsBigEndianAndPacked() throws {
        #expect(try Sample.full.encoded() == Self.bytes)
    }

    @Test func decodingGivesTheValueBack() throws {
        #expect(try WireDecoder.decode(Sample.self, from: Self.bytes) == Sample.full)
    }

    @Test func everyTruncationAndATrailingByteAreTheShortCode() {
        for length in 0..<Self.bytes.count {
            #expect(throws: TPMResult.badParamSize) {
                try WireDecoder.decode(Sample.self, from: Self.bytes[..<length])
            }
        }
        #expect(throws: TPMResult.invalidStructure) {
            try WireDecoder.decode(Sample.self, from: Self.bytes + [0], short: .invalidStructure)
        }
    }

    @Test func aSizeThatPassesTheEndIsRefused() {
        var bytes = Self.bytes
        bytes[3] = 0xff
        #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(Sample.self, from: bytes) }
        bytes = Self.bytes
        bytes[28] = 0xff
        #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(Sample.self, from: bytes) }
        bytes = Self.bytes
        bytes[34] = 0xff
        #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(Sample.self, from: bytes) }
    }

    @Test func aNestedStructureMustFillItsSize() {
        var bytes = Self.bytes
        bytes[31] = 3
        #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(Sample.self, from: bytes) }
        bytes[31] = 1
        #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(Sample.self, from: bytes) }
    }

    @Test func aBooleanIsZeroOrOneAndATagIsItself() {
        var bytes = Self.bytes
        bytes[2] = 2
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(Sample.self, from: bytes) }
        bytes = Self.bytes
        bytes[1] = 9
        #expect(throws: TPMResult.invalidStructure) { try WireDecoder.decode(Sample.self, from: bytes) }
    }

    @Test func describingNamesFieldsAndMasksSecrets() throws {
        let fields = try WireDescriber.describe(Sample.full)
        #expect(fields.map(\.name).contains("innerSize"))
        #expect(fields.first { $0.name == "secret" }?.value == "<20 secret bytes>")
        #expect(fields.first { $0.name == "number" }?.value == "0x1234")
        #expect(fields.first { $0.name == "number" }?.depth == 1)
        let open = try WireDescriber.describe(Sample.full, showsSecrets: true)
        #expect(open.first { $0.name == "secret" }?.value == String(repeating: "55", count: 20))
    }

    @Test func aSizeTooLargeForItsFieldIsNotWritten() {
        var sample = Sample.full
        sample.blob = [UInt8](repeating: 0, count: 65_536)
        #expect(throws: TPMResult.size) { try sample.encoded() }
    }
}
