import TPMCrypto
import Testing

@testable import TPMWire

/// Bytes from hexadecimal digits; blanks part the fields.
func hex(_ text: String, at location: SourceLocation = #_sourceLocation) throws -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    try #require(digits.count.isMultiple(of: 2), sourceLocation: location)
    return try stride(from: 0, to: digits.count, by: 2).map { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return try #require(
            UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16), sourceLocation: location)
    }
}

/// The hexadecimal digits of one byte, repeated.
func repeated(_ byte: String, _ count: Int) -> String { String(repeating: byte, count: count) }

/// The return code that a decoder answers the bytes with, nil when it takes them.
func code<T: WireStructure>(_ type: T.Type, _ bytes: [UInt8]) -> TPMResult? {
    do throws(TPMResult) {
        _ = try WireDecoder.decode(type, from: bytes)
        return nil
    } catch { return error }
}

/// The structure is written as the bytes and read back from them; every truncation and a trailing byte are
/// TPM_BAD_PARAM_SIZE, a wrong tag TPM_INVALID_STRUCTURE, and no damage traps.
///
/// - Parameter unsized: how many bytes at the end have no size, so that any of them may be missing.
func expectStructure<T: WireStructure & Equatable>(
    _ value: T, tag: StructureTag? = nil, is text: String, unsized: Int = 0,
    at location: SourceLocation = #_sourceLocation
) throws {
    let bytes = try hex(text, at: location)
    #expect(try value.encoded() == bytes, sourceLocation: location)
    #expect(try WireDecoder.decode(T.self, from: bytes) == value, sourceLocation: location)
    for count in 0..<(bytes.count - unsized) {
        #expect(code(T.self, Array(bytes.prefix(count))) == .badParamSize, "\(count) bytes", sourceLocation: location)
    }
    if unsized == 0 { #expect(code(T.self, bytes + [0]) == .badParamSize, sourceLocation: location) }
    if let tag {
        #expect(bytes.prefix(2) == [0, UInt8(tag.rawValue)], sourceLocation: location)
        for index in 0..<2 {
            var wrong = bytes
            wrong[index] ^= 0x80
            #expect(code(T.self, wrong) == .invalidStructure, sourceLocation: location)
        }
    }
    for index in bytes.indices {
        for byte: UInt8 in [0x00, 0x7f, 0xff] {
            var damaged = bytes
            damaged[index] = byte
            _ = code(T.self, damaged)
        }
    }
    #expect(try !WireDescriber.describe(value).isEmpty, sourceLocation: location)
}

/// Another byte at an index is answered with the return code.
func expectCode<T: WireStructure>(
    _ expected: TPMResult, for value: T, with byte: UInt8, at index: Int,
    at location: SourceLocation = #_sourceLocation
) throws {
    var bytes = try value.encoded()
    try #require(bytes.indices.contains(index), sourceLocation: location)
    bytes[index] = byte
    #expect(code(T.self, bytes) == expected, sourceLocation: location)
}

/// Both walks of the operands write the bytes and read them back, and miss any byte that is not there.
func expect<T: Operands & Equatable>(
    _ value: T, handles handleText: String = "", is text: String,
    at location: SourceLocation = #_sourceLocation
) throws {
    let handles = try hex(handleText, at: location)
    let parameters = try hex(text, at: location)
    var copy = value
    var encoder = WireEncoder()
    try copy.handles(&encoder)
    #expect(encoder.bytes == handles, sourceLocation: location)
    #expect(try value.encoded() == parameters, sourceLocation: location)
    var decoder = WireDecoder(handles + parameters)
    var decoded = T()
    try decoded.handles(&decoder)
    #expect(decoder.remaining == parameters.count, sourceLocation: location)
    try decoded.code(&decoder)
    try decoder.finish()
    #expect(decoded == value, sourceLocation: location)
    for count in parameters.indices {
        #expect(code(T.self, Array(parameters.prefix(count))) == .badParamSize, sourceLocation: location)
    }
    #expect(code(T.self, parameters + [0]) == .badParamSize, sourceLocation: location)
}
