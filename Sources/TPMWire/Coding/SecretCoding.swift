import TPMCrypto

extension WireStructure {
    /// The wire form of a structure that holds secrets, in memory that is wiped.
    ///
    /// - Parameter capacity: room enough, in bytes, that the buffer does not grow, which would leave a copy behind.
    public func encodedSecret(reserving capacity: Int = 4096) throws(TPMResult) -> Secret {
        var encoder = WireEncoder(reserving: capacity)
        var copy = self
        try copy.code(&encoder)
        return encoder.takeSecret()
    }
}

extension WireDecoder {
    /// Decodes one whole structure from secret bytes and leaves no copy of them.
    public static func decode<T: WireStructure>(
        _ type: T.Type = T.self, from secret: Secret, short: TPMResult = .badParamSize
    ) throws(TPMResult) -> T {
        var bytes = secret.bytes
        defer { wipe(&bytes) }
        return try decode(T.self, from: bytes, short: short)
    }
}
