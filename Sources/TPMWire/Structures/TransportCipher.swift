import TPMCrypto

/// The encryption of a transport session, the same at both of its ends (Part 1, 18.1; Part 3, 24.2 actions 4 and 17).
extension TransportPublic {
    /// Which way a message goes; the names enter the mask, so that an answer never has that of a command.
    public enum Direction: String, Sendable {
        case command = "in"
        case answer = "out"
    }

    private enum Cipher {
        case mgf1, aesCTR, aesOFB
    }

    /// Of the AES key sizes only 128 bits fit the 20 bytes of a session's secret.
    private func cipher() throws(TPMResult) -> Cipher {
        switch AlgorithmID(rawValue: algId) {
        case .mgf1:
            return .mgf1
        case .aes128:
            switch EncScheme(rawValue: encScheme) {
            case .symCTR: return .aesCTR
            case .symOFB: return .aesOFB
            default: throw .inappropriateEnc
            }
        default:
            throw .badKeyProperty
        }
    }

    /// TPM_BAD_KEY_PROPERTY or TPM_INAPPROPRIATE_ENC for an encryption that no TPM of this kind has (Part 3, 24.1
    /// action 3); a session that does not encrypt may name any.
    public func checkEncryption() throws(TPMResult) {
        if transAttributes.contains(.encrypt) { _ = try cipher() }
    }

    /// Encrypts or decrypts, which is the same, a part of a message in place; nothing in a session without encryption.
    ///
    /// - Parameters:
    ///   - nonceEven: of a command the TPM's last nonce, of an answer the one that it brings.
    ///   - secret: the session's authData, 20 bytes.
    public func mask(
        _ message: inout [UInt8], _ range: Range<Int>, _ direction: Direction, nonceEven: Digest, nonceOdd: Digest,
        secret: Secret
    ) throws(TPMResult) {
        guard transAttributes.contains(.encrypt) else { return }
        guard range.lowerBound >= 0, range.upperBound <= message.count else { throw .badParamSize }
        let nonces = nonceEven.bytes + nonceOdd.bytes + Array(direction.rawValue.utf8)
        var data = Array(message[range])
        defer { wipe(&data) }
        do {
            let cipher = try cipher()
            if cipher == .mgf1 {
                var seed = nonces + secret.bytes
                defer { wipe(&seed) }
                try MGF1.xor(seed: Secret(seed), into: &data)
            } else {
                let iv = try MGF1.generate(seed: Secret(nonces), count: AES.blockSize)
                let key = secret.withUnsafeBytes {
                    Secret(UnsafeRawBufferPointer(rebasing: $0.prefix(AES.blockSize)))
                }
                data =
                    cipher == .aesCTR
                    ? try AES.ctr(key: key, iv: iv, data: data) : try AES.ofb(key: key, iv: iv, data: data)
            }
        } catch let error as TPMResult {
            throw error
        } catch {
            throw .fail
        }
        message.replaceSubrange(range, with: data)
    }
}
