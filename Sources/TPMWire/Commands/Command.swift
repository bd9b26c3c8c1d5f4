/// The operands of a command or of its response (Part 3), described once.
///
/// Key and session handles stand first on the wire and do not enter the HMAC (Part 1, 25), so they have a walk
/// of their own; ``WireStructure/code(_:)`` walks the rest, all of which does. What else enters no HMAC, as the tables
/// of Part 3 have it, stands among the handles: a transport session does not encrypt or log it (Part 3, 24.2).
public protocol Operands: WireStructure {
    mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult)
}

extension Operands {
    public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
}

/// A command of Part 3: its ordinal and the operands that go in and come out.
///
/// The engine adds the actions, the client the call; both use these descriptions and no other.
public protocol Command: Sendable {
    associatedtype Request: Operands
    associatedtype Response: Operands
    static var ordinal: Ordinal { get }
}

/// A request or response without operands of its own.
public struct NoOperands: Operands, Equatable {
    public init() {}
    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
}
