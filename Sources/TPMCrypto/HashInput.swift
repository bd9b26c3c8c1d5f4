/// A value that can be hashed: its bytes, or an integer as big-endian bytes (Part 2, 2.1).
public protocol HashInput {
    /// Calls `body` once with the bytes to hash.
    func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void)
}

extension Digest: HashInput {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) { withUnsafeBytes(body) }
}

extension Secret: HashInput {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) { withUnsafeBytes(body) }
}

extension Array: HashInput where Element == UInt8 {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) { withUnsafeBytes(body) }
}

extension ArraySlice: HashInput where Element == UInt8 {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) { withUnsafeBytes(body) }
}

extension UInt8: HashInput {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        Swift.withUnsafeBytes(of: self, body)
    }
}

extension UInt16: HashInput {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        Swift.withUnsafeBytes(of: bigEndian, body)
    }
}

extension UInt32: HashInput {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        Swift.withUnsafeBytes(of: bigEndian, body)
    }
}

extension UInt64: HashInput {
    public func withHashBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        Swift.withUnsafeBytes(of: bigEndian, body)
    }
}
