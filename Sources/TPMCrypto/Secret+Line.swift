extension Secret {
    /// The bytes before the first end of a line, as a passphrase stands in a file.
    public var firstLine: Secret {
        withUnsafeBytes { bytes in
            let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            return Secret(UnsafeRawBufferPointer(rebasing: line))
        }
    }
}
