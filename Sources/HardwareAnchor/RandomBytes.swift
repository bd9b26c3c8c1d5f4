import TPMCrypto

extension SystemRandom {
    /// Random bytes of the system and of the hardware, each hidden by the other.
    ///
    /// - Parameter hardware: gives as many bytes as it is asked for.
    func mixed(
        with count: Int, _ hardware: (Int) throws(AnchorError) -> Secret
    ) throws(AnchorError) -> Secret {
        guard (0...AnchorLimit.randomBytes).contains(count) else {
            throw .unfit("\(count) random bytes are no number of one call: ask for at most \(AnchorLimit.randomBytes).")
        }
        let theirs = try hardware(count)
        guard theirs.count == count else { throw .failed("it gave another number of random bytes than asked for.") }
        let ours = try bytes(for: count)
        return Secret(count: count) { target in
            theirs.withUnsafeBytes { target.copyMemory(from: $0) }
            ours.withUnsafeBytes { ours in
                for index in target.indices { target[index] ^= ours[index] }
            }
        }
    }

    /// A nonce of 32 bytes.
    func nonce() throws(AnchorError) -> [UInt8] { try bytes(for: SHA256.byteCount).bytes }

    private func bytes(for count: Int) throws(AnchorError) -> Secret {
        do { return try secret(count: count) } catch {
            throw .failed("the system gave no random bytes: \(error).")
        }
    }
}
