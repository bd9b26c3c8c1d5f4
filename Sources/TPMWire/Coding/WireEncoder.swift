import TPMCrypto

/// Writes structures out. A size that its field cannot hold throws TPM_SIZE; nothing else fails.
public struct WireEncoder: FieldCoder {
    public private(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    public var isDecoding: Bool { false }
    public var upcoming: UInt16? { nil }

    /// Encodes one structure.
    public static func encode<T: WireStructure>(_ value: T) throws(TPMResult) -> [UInt8] {
        var encoder = WireEncoder()
        var copy = value
        try copy.code(&encoder)
        return encoder.bytes
    }

    private mutating func append<I: FixedWidthInteger>(_ value: I) {
        var shift = I.bitWidth - 8
        while shift >= 0 {
            bytes.append(UInt8(truncatingIfNeeded: value >> I(shift)))
            shift -= 8
        }
    }

    private mutating func append(_ secret: Secret) {
        secret.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// Hands out what was written as a secret and wipes it here.
    mutating func takeSecret() -> Secret {
        defer { wipe(&bytes) }
        return Secret(bytes)
    }

    /// Writes the number of bytes so far, 4 bytes, over those at `offset`: the paramSize of a finished message.
    public mutating func patchSize(at offset: Int) {
        guard bytes.indices.contains(offset), bytes.indices.contains(offset + 3) else { return }
        patch(offset..<offset + 4, with: bytes.count)
    }

    /// Writes a number, big endian, over bytes that are there.
    private mutating func patch(_ range: Range<Int>, with value: Int) {
        for (shift, index) in range.reversed().enumerated() {
            bytes[index] = UInt8(truncatingIfNeeded: value >> (8 * shift))
        }
    }

    private mutating func size(_ field: SizeField, _ count: Int) throws(TPMResult) {
        switch field {
        case .u16:
            guard let value = UInt16(exactly: count) else { throw .size }
            append(value)
        case .u32:
            guard let value = UInt32(exactly: count) else { throw .size }
            append(value)
        }
    }

    public mutating func uint8(_ name: StaticString, _ value: inout UInt8) { bytes.append(value) }
    public mutating func uint16(_ name: StaticString, _ value: inout UInt16) { append(value) }
    public mutating func uint32(_ name: StaticString, _ value: inout UInt32) { append(value) }
    public mutating func uint64(_ name: StaticString, _ value: inout UInt64) { append(value) }

    public mutating func digest(_ name: StaticString, _ value: inout Digest) {
        value.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    public mutating func fixed(_ name: StaticString, _ value: inout [UInt8], count: Int) throws(TPMResult) {
        guard value.count == count else { throw .size }
        bytes.append(contentsOf: value)
    }

    public mutating func secret(_ name: StaticString, _ value: inout Secret, count: Int) throws(TPMResult) {
        guard value.count == count else { throw .size }
        append(value)
    }

    public mutating func sizedSecret(
        _ name: StaticString, _ size: SizeField, _ value: inout Secret
    ) throws(TPMResult) {
        try self.size(size, value.count)
        append(value)
    }

    public mutating func sized(_ name: StaticString, _ size: SizeField, _ value: inout [UInt8]) throws(TPMResult) {
        try self.size(size, value.count)
        bytes.append(contentsOf: value)
    }

    public mutating func rest(_ name: StaticString, _ value: inout [UInt8]) {
        bytes.append(contentsOf: value)
    }

    public mutating func restSecret(_ name: StaticString, _ value: inout Secret) { append(value) }

    public mutating func structure<T: WireStructure>(
        _ name: StaticString, _ value: inout T
    ) throws(TPMResult) {
        try value.code(&self)
    }

    public mutating func sizedStructure<T: WireStructure>(
        _ name: StaticString, _ size: SizeField, _ value: inout T?
    ) throws(TPMResult) {
        let field = bytes.count
        try self.size(size, 0)
        guard var inner = value else { return }
        let start = bytes.count
        try inner.code(&self)
        // Written in place, so that a structure with secrets leaves no copy behind.
        let count = bytes.count - start
        guard count <= size.maximum else { throw .size }
        patch(field..<start, with: count)
    }

    public mutating func array<T: WireStructure>(
        _ name: StaticString, _ values: inout [T], count: Int
    ) throws(TPMResult) {
        guard values.count == count else { throw .size }
        for var value in values { try value.code(&self) }
    }
}

extension WireStructure {
    /// The wire form of the structure.
    public func encoded() throws(TPMResult) -> [UInt8] {
        try WireEncoder.encode(self)
    }
}
