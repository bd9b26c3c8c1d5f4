import TPMCrypto

/// Names every field of a structure and its value, for traces and scripts. Secrets are masked unless asked for.
public struct WireDescriber: FieldCoder {
    /// One field: its depth in nested structures, its name in the specification, its value as text.
    public struct Field: Sendable, Equatable {
        public let depth: Int
        public let name: String
        public let value: String
    }

    public private(set) var fields: [Field] = []
    private var depth = 0
    /// True once a secret was walked.
    private(set) var metSecret = false
    private let showsSecrets: Bool

    public init(showsSecrets: Bool = false) {
        self.showsSecrets = showsSecrets
    }

    public var isDecoding: Bool { false }
    public var upcoming: UInt16? { nil }

    /// The fields of one structure in wire order.
    public static func describe<T: WireStructure>(
        _ value: T, showsSecrets: Bool = false
    ) throws(TPMResult) -> [Field] {
        var describer = WireDescriber(showsSecrets: showsSecrets)
        var copy = value
        try copy.code(&describer)
        return describer.fields
    }

    mutating func add(_ name: StaticString, _ value: String) {
        fields.append(Field(depth: depth, name: "\(name)", value: value))
    }

    static func hex<I: FixedWidthInteger>(_ value: I) -> String {
        let digits = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, I.bitWidth / 4 - digits.count)) + digits
    }

    static func hex(_ bytes: [UInt8]) -> String { Hexadecimal.encode(bytes) }

    private mutating func add(_ name: StaticString, secret value: Secret) {
        metSecret = true
        add(name, showsSecrets ? Self.hex(value.bytes) : "<\(value.count) secret bytes>")
    }

    private mutating func size(_ field: SizeField, _ count: Int) {
        switch field {
        case .u16(let name), .u32(let name): add(name, "\(count)")
        }
    }

    public mutating func uint8(_ name: StaticString, _ value: inout UInt8) { add(name, Self.hex(value)) }
    public mutating func uint16(_ name: StaticString, _ value: inout UInt16) { add(name, Self.hex(value)) }
    public mutating func uint32(_ name: StaticString, _ value: inout UInt32) { add(name, Self.hex(value)) }
    public mutating func uint64(_ name: StaticString, _ value: inout UInt64) { add(name, Self.hex(value)) }
    public mutating func digest(_ name: StaticString, _ value: inout Digest) { add(name, Self.hex(value.bytes)) }

    public mutating func fixed(_ name: StaticString, _ value: inout [UInt8], count: Int) {
        add(name, Self.hex(value))
    }

    public mutating func secret(_ name: StaticString, _ value: inout Secret, count: Int) {
        add(name, secret: value)
    }

    public mutating func sizedSecret(_ name: StaticString, _ size: SizeField, _ value: inout Secret) {
        self.size(size, value.count)
        add(name, secret: value)
    }

    public mutating func sized(_ name: StaticString, _ size: SizeField, _ value: inout [UInt8]) {
        self.size(size, value.count)
        add(name, Self.hex(value))
    }

    public mutating func rest(_ name: StaticString, _ value: inout [UInt8]) { add(name, Self.hex(value)) }

    public mutating func restSecret(_ name: StaticString, _ value: inout Secret) {
        add(name, secret: value)
    }

    /// Sets the name beside the number: `0x0011 storage`.
    public mutating func meaning(_ text: @autoclosure () -> String?) {
        guard let text = text(), let last = fields.popLast() else { return }
        fields.append(Field(depth: last.depth, name: last.name, value: "\(last.value) \(text)"))
    }

    public mutating func structure<T: WireStructure>(
        _ name: StaticString, _ value: inout T
    ) throws(TPMResult) {
        add(name, "")
        depth += 1
        try value.code(&self)
        depth -= 1
    }

    public mutating func sizedStructure<T: WireStructure>(
        _ name: StaticString, _ size: SizeField, _ value: inout T?
    ) throws(TPMResult) {
        guard var inner = value else { return self.size(size, 0) }
        self.size(size, try inner.encoded().count)
        try structure(name, &inner)
    }

    public mutating func array<T: WireStructure>(
        _ name: StaticString, _ values: inout [T], count: Int
    ) throws(TPMResult) {
        for var value in values { try structure(name, &value) }
    }
}
