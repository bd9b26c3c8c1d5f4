import TPMCrypto

/// Fills structures from bytes. No length is trusted: each is held against what is left before it is used.
///
/// A field that passes the end throws ``WireDecoder/short``, TPM_BAD_PARAM_SIZE unless the caller names
/// another code (a blob inside a command is often TPM_BAD_PARAMETER or TPM_INVALID_STRUCTURE).
public struct WireDecoder: FieldCoder {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private var end: Int
    /// What a missing or a left-over byte is answered with.
    public let short: TPMResult
    /// The handles of keys that were decoded, nil when nobody asked for them.
    private(set) var keyHandles: [KeyHandle]?

    /// A decoder that keeps the handles of keys.
    init(collectingKeyHandlesOf bytes: ArraySlice<UInt8>) {
        self.init(bytes)
        keyHandles = []
    }

    public init(_ bytes: ArraySlice<UInt8>, short: TPMResult = .badParamSize) {
        self.bytes = bytes
        position = bytes.startIndex
        end = bytes.endIndex
        self.short = short
    }

    public init(_ bytes: [UInt8], short: TPMResult = .badParamSize) {
        self.init(bytes[...], short: short)
    }

    public var isDecoding: Bool { true }
    public var upcoming: UInt16? {
        remaining < 2 ? nil : UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }
    /// The number of bytes not yet consumed.
    public var remaining: Int { end - position }

    /// Decodes one whole structure; a byte left over is an error as one missing is.
    public static func decode<T: WireStructure>(
        _ type: T.Type = T.self, from bytes: some Collection<UInt8>, short: TPMResult = .badParamSize
    ) throws(TPMResult) -> T {
        var decoder = WireDecoder(Array(bytes), short: short)
        var value = T()
        try value.code(&decoder)
        try decoder.finish()
        return value
    }

    /// Throws unless every byte was consumed.
    public func finish() throws(TPMResult) {
        if position != end { throw short }
    }

    private mutating func take(_ count: Int) throws(TPMResult) -> ArraySlice<UInt8> {
        guard count >= 0, count <= end - position else { throw short }
        let start = position
        position += count
        return bytes[start..<position]
    }

    private mutating func integer<I: FixedWidthInteger>(_ type: I.Type) throws(TPMResult) -> I {
        var value: I = 0
        for byte in try take(I.bitWidth / 8) { value = value << 8 | I(byte) }
        return value
    }

    private mutating func size(_ field: SizeField) throws(TPMResult) -> Int {
        switch field {
        case .u16: Int(try integer(UInt16.self))
        case .u32: Int(try integer(UInt32.self))
        }
    }

    public mutating func uint8(_ name: StaticString, _ value: inout UInt8) throws(TPMResult) {
        guard position < end else { throw short }
        value = bytes[position]
        position += 1
    }

    public mutating func uint16(_ name: StaticString, _ value: inout UInt16) throws(TPMResult) {
        value = try integer(UInt16.self)
    }

    public mutating func uint32(_ name: StaticString, _ value: inout UInt32) throws(TPMResult) {
        value = try integer(UInt32.self)
    }

    public mutating func uint64(_ name: StaticString, _ value: inout UInt64) throws(TPMResult) {
        value = try integer(UInt64.self)
    }

    public mutating func keyHandle(_ name: StaticString, _ value: inout KeyHandle) throws(TPMResult) {
        value.rawValue = try integer(UInt32.self)
        keyHandles?.append(value)
    }

    public mutating func digest(_ name: StaticString, _ value: inout Digest) throws(TPMResult) {
        guard let digest = Digest(try take(Digest.byteCount)) else { throw short }
        value = digest
    }

    public mutating func fixed(_ name: StaticString, _ value: inout [UInt8], count: Int) throws(TPMResult) {
        value = Array(try take(count))
    }

    public mutating func secret(_ name: StaticString, _ value: inout Secret, count: Int) throws(TPMResult) {
        let slice = try take(count)
        value = Secret(count: count) { target in target.copyBytes(from: slice) }
    }

    public mutating func sizedSecret(
        _ name: StaticString, _ size: SizeField, _ value: inout Secret
    ) throws(TPMResult) {
        try secret(name, &value, count: try self.size(size))
    }

    public mutating func sized(_ name: StaticString, _ size: SizeField, _ value: inout [UInt8]) throws(TPMResult) {
        value = Array(try take(try self.size(size)))
    }

    public mutating func rest(_ name: StaticString, _ value: inout [UInt8]) throws(TPMResult) {
        value = Array(try take(remaining))
    }

    public mutating func restSecret(_ name: StaticString, _ value: inout Secret) throws(TPMResult) {
        try secret(name, &value, count: remaining)
    }

    public mutating func structure<T: WireStructure>(
        _ name: StaticString, _ value: inout T
    ) throws(TPMResult) {
        try value.code(&self)
    }

    public mutating func sizedStructure<T: WireStructure>(
        _ name: StaticString, _ size: SizeField, _ value: inout T?
    ) throws(TPMResult) {
        let count = try self.size(size)
        guard count > 0 else {
            value = nil
            return
        }
        guard count <= remaining else { throw short }
        let outerEnd = end
        end = position + count
        var inner = T()
        try inner.code(&self)
        try finish()
        end = outerEnd
        value = inner
    }

    public mutating func array<T: WireStructure>(
        _ name: StaticString, _ values: inout [T], count: Int
    ) throws(TPMResult) {
        // An element is at least a byte, so a count beyond what is left is refused before anything is kept.
        guard count >= 0, count <= remaining else { throw short }
        values = []
        for _ in 0..<count {
            var element = T()
            try element.code(&self)
            values.append(element)
        }
    }
}
