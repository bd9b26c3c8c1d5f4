import TPMCrypto

/// Walks the fields of a structure, in wire order and by the specification's names.
///
/// A structure describes itself once, in ``WireStructure/code(_:)``; a ``WireDecoder`` that walks it fills
/// it from bytes, a ``WireEncoder`` writes it out and a ``WireDescriber`` names every field and its value.
/// All integers are big endian and packed (Part 2, 2.1).
public protocol FieldCoder {
    /// True when the walk fills the structure, so that checks of what came in are due.
    var isDecoding: Bool { get }
    /// While decoding, the next two bytes without taking them, by which some structures are told apart; nil when
    /// there are not so many left, or nothing is decoded.
    var upcoming: UInt16? { get }

    mutating func uint8(_ name: StaticString, _ value: inout UInt8) throws(TPMResult)
    mutating func uint16(_ name: StaticString, _ value: inout UInt16) throws(TPMResult)
    mutating func uint32(_ name: StaticString, _ value: inout UInt32) throws(TPMResult)
    mutating func uint64(_ name: StaticString, _ value: inout UInt64) throws(TPMResult)
    /// 20 bytes of digest or nonce (Part 2, 5.4 and 5.5).
    mutating func digest(_ name: StaticString, _ value: inout Digest) throws(TPMResult)
    /// `count` bytes without a size on the wire.
    mutating func fixed(_ name: StaticString, _ value: inout [UInt8], count: Int) throws(TPMResult)
    /// Secret bytes, `count` of them; a describer masks them.
    mutating func secret(_ name: StaticString, _ value: inout Secret, count: Int) throws(TPMResult)
    /// Secret bytes after their own size.
    mutating func sizedSecret(_ name: StaticString, _ size: SizeField, _ value: inout Secret) throws(TPMResult)
    /// Bytes after their own size.
    mutating func sized(_ name: StaticString, _ size: SizeField, _ value: inout [UInt8]) throws(TPMResult)
    /// All bytes up to the end of the enclosing structure.
    mutating func rest(_ name: StaticString, _ value: inout [UInt8]) throws(TPMResult)
    /// All bytes up to the end of the enclosing structure, secret ones.
    mutating func restSecret(_ name: StaticString, _ value: inout Secret) throws(TPMResult)
    /// A structure within the structure.
    mutating func structure<T: WireStructure>(_ name: StaticString, _ value: inout T) throws(TPMResult)
    /// A structure after its own size, which it must fill to the last byte; size 0 is its absence.
    mutating func sizedStructure<T: WireStructure>(
        _ name: StaticString, _ size: SizeField, _ value: inout T?
    ) throws(TPMResult)
    /// `count` structures one after another.
    mutating func array<T: WireStructure>(
        _ name: StaticString, _ values: inout [T], count: Int
    ) throws(TPMResult)
    /// The handle of a key, which the log of a transport session tells from other numbers (Part 3, 24.2 action 10).
    mutating func keyHandle(_ name: StaticString, _ value: inout KeyHandle) throws(TPMResult)
    /// What the number just walked stands for, nil when it has no name; nobody but a describer asks.
    mutating func meaning(_ text: @autoclosure () -> String?)
}

/// The width of a size on the wire and the specification's name for it.
public enum SizeField: Sendable {
    case u16(StaticString)
    case u32(StaticString)

    /// The largest size that the field holds.
    var maximum: Int {
        switch self {
        case .u16: Int(UInt16.max)
        case .u32: Int(UInt32.max)
        }
    }
}

/// A structure of Part 2, or the operands of a command of Part 3, that describes its own wire form.
public protocol WireStructure: Sendable {
    /// The structure with every field at zero, for a decoder to fill.
    init()

    /// Hands every field to the coder in wire order.
    ///
    /// - Throws: while decoding, the return code that the specification names for the first bad field.
    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult)
}

extension FieldCoder {
    public mutating func meaning(_ text: @autoclosure () -> String?) {}

    public mutating func keyHandle(_ name: StaticString, _ value: inout KeyHandle) throws(TPMResult) {
        try uint32(name, &value.rawValue)
        meaning(value.wireName)
    }

    /// The handle of a key.
    public mutating func value(_ name: StaticString, _ value: inout KeyHandle) throws(TPMResult) {
        try keyHandle(name, &value)
    }

    /// A field that has one legal value, such as a structure tag (Part 2, 3.1).
    public mutating func constant(
        _ name: StaticString, _ expected: UInt16, else error: TPMResult = .invalidStructure
    ) throws(TPMResult) {
        var value = expected
        try uint16(name, &value)
        if isDecoding, value != expected { throw error }
    }

    /// A structure tag (Part 2, 3.1).
    public mutating func tag(_ expected: StructureTag) throws(TPMResult) {
        try constant("tag", expected.rawValue)
        meaning(WireName.of(expected))
    }

    /// TRUE is 0x01 and FALSE 0x00; anything else is TPM_BAD_PARAMETER (Part 2, 2.2.2).
    public mutating func bool(_ name: StaticString, _ value: inout Bool) throws(TPMResult) {
        var byte: UInt8 = value ? 1 : 0
        try uint8(name, &byte)
        guard isDecoding else { return }
        guard byte <= 1 else { throw .badParameter }
        value = byte == 1
    }

    /// An enumerated value of one byte; an unknown one is `error`.
    public mutating func value<E: RawRepresentable>(
        _ name: StaticString, _ value: inout E, else error: TPMResult = .badParameter
    ) throws(TPMResult) where E.RawValue == UInt8 {
        var raw = value.rawValue
        try uint8(name, &raw)
        meaning(WireName.of(value))
        guard isDecoding else { return }
        guard let known = E(rawValue: raw) else { throw error }
        value = known
    }

    /// An enumerated value of two bytes; an unknown one is `error`.
    public mutating func value<E: RawRepresentable>(
        _ name: StaticString, _ value: inout E, else error: TPMResult = .badParameter
    ) throws(TPMResult) where E.RawValue == UInt16 {
        var raw = value.rawValue
        try uint16(name, &raw)
        meaning(WireName.of(value))
        guard isDecoding else { return }
        guard let known = E(rawValue: raw) else { throw error }
        value = known
    }

    /// An enumerated value of four bytes; an unknown one is `error`.
    public mutating func value<E: RawRepresentable>(
        _ name: StaticString, _ value: inout E, else error: TPMResult = .badParameter
    ) throws(TPMResult) where E.RawValue == UInt32 {
        var raw = value.rawValue
        try uint32(name, &raw)
        meaning(WireName.of(value))
        guard isDecoding else { return }
        guard let known = E(rawValue: raw) else { throw error }
        value = known
    }

    /// TPM_AUTHDATA, TPM_SECRET and TPM_ENCAUTH are 20 bytes (Part 2, 5.6).
    public mutating func authData(_ name: StaticString, _ value: inout Secret) throws(TPMResult) {
        try secret(name, &value, count: Digest.byteCount)
    }
}
