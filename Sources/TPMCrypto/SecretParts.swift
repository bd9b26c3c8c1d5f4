/// Parts and combinations of secrets, which never leave wiped memory.
extension Secret {
    /// The first `count` bytes, or all if there are fewer.
    public func prefix(_ count: Int) -> Secret {
        withUnsafeBytes { Secret(UnsafeRawBufferPointer(rebasing: $0.prefix(max(count, 0)))) }
    }

    /// The bytes behind the first `count`; none if there are no more.
    public func dropFirst(_ count: Int) -> Secret {
        withUnsafeBytes { Secret(UnsafeRawBufferPointer(rebasing: $0.dropFirst(max(count, 0)))) }
    }

    /// The bytes of one behind those of the other.
    public static func + (first: Secret, second: Secret) -> Secret {
        Secret(count: first.count + second.count) { target in
            first.withUnsafeBytes { target.copyMemory(from: $0) }
            second.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[first.count...]).copyMemory(from: $0)
            }
        }
    }

    /// The exclusive or with a mask of the same size; nil for one of another.
    public func xor(_ mask: [UInt8]) -> Secret? {
        guard mask.count == count else { return nil }
        return Secret(count: count) { target in
            withUnsafeBytes { bytes in
                for (index, byte) in zip(target.indices, zip(bytes, mask)) { target[index] = byte.0 ^ byte.1 }
            }
        }
    }
}
