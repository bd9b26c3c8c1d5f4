/// A set of bits on the wire of which only some are defined; the others must be zero on input.
public protocol WireFlags: OptionSet, Sendable {
    /// Every bit that the specification defines, by name.
    static var names: KeyValuePairs<String, Self> { get }
}

extension WireFlags {
    /// Every bit that the specification defines.
    public static var defined: Self { names.reduce(into: []) { $0.formUnion($1.value) } }
}

extension FieldCoder {
    /// One byte of flags; an undefined bit is `error`.
    public mutating func value<F: WireFlags>(
        _ name: StaticString, _ value: inout F, else error: TPMResult = .badParameter
    ) throws(TPMResult) where F.RawValue == UInt8 {
        var raw = value.rawValue
        try uint8(name, &raw)
        meaning(WireName.of(value))
        guard isDecoding else { return }
        guard raw & ~F.defined.rawValue == 0 else { throw error }
        value = F(rawValue: raw)
    }

    /// Two bytes of flags; an undefined bit is `error`.
    public mutating func value<F: WireFlags>(
        _ name: StaticString, _ value: inout F, else error: TPMResult = .badParameter
    ) throws(TPMResult) where F.RawValue == UInt16 {
        var raw = value.rawValue
        try uint16(name, &raw)
        meaning(WireName.of(value))
        guard isDecoding else { return }
        guard raw & ~F.defined.rawValue == 0 else { throw error }
        value = F(rawValue: raw)
    }

    /// Four bytes of flags; an undefined bit is `error`.
    public mutating func value<F: WireFlags>(
        _ name: StaticString, _ value: inout F, else error: TPMResult = .badParameter
    ) throws(TPMResult) where F.RawValue == UInt32 {
        var raw = value.rawValue
        try uint32(name, &raw)
        meaning(WireName.of(value))
        guard isDecoding else { return }
        guard raw & ~F.defined.rawValue == 0 else { throw error }
        value = F(rawValue: raw)
    }
}
