import TPMCrypto
import TPMWire

extension TPMClient {
    /// Random bytes of the TPM, asked for until there are as many (Part 3, 13.6).
    public func randomBytes(_ count: Int) throws -> Secret {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        defer { wipe(&bytes) }
        while bytes.count < count {
            let missing = UInt32(clamping: count - bytes.count)
            let more = try execute(GetRandom.self, .init(bytesRequested: missing)).randomBytes
            guard more.count > 0, more.count <= missing else { throw ClientError.badResponse(.getRandom) }
            more.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return Secret(bytes)
    }
}
