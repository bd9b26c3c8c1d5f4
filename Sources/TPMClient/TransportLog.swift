import TPMCrypto
import TPMWire

/// What a transport session carried, as the TPM logs it (Part 2, 13.3 and 13.4).
public struct TransportLog: Sendable, Equatable {
    public enum Entry: Sendable, Equatable {
        /// A command by the digest of its ordinal and parameters, and the keys that it named.
        case command(parameters: Digest, keys: [KeyHandle])
        /// Its answer by the digest of the return code, the ordinal and the parameters, with time and locality.
        case answer(TransportLogOut)
    }

    public private(set) var entries: [Entry] = []

    /// The log of a session as it begins (Part 3, 24.1 action 8).
    init(_ request: EstablishTransport.Request, _ response: EstablishTransport.Response) throws(TPMResult) {
        let ordinal = EstablishTransport.ordinal.rawValue
        let input = SHA1.hash(ordinal, try request.encodedSecret())
        let output = SHA1.hash(UInt32(0), ordinal, try response.encoded())
        entries = [
            .command(parameters: input, keys: []),
            .answer(.init(currentTicks: response.currentTicks, parameters: output, locality: response.locality)),
        ]
    }

    mutating func add(_ entry: Entry) { entries.append(entry) }

    /// The digest that the TPM keeps of the log.
    ///
    /// - Parameter publicKeys: of the keys that commands named, the SRK and the endorsement key among them.
    /// - Returns: nil when a key is missing.
    public func digest(publicKeys: [KeyHandle: Pubkey] = [:]) -> Digest? {
        var digest = Digest.zero
        for entry in entries {
            let bytes: [UInt8]?
            switch entry {
            case .command(let parameters, let keys):
                var hashes: [UInt8] = []
                for handle in keys {
                    guard let key = try? publicKeys[handle]?.pubKey.encoded() else { return nil }
                    hashes += SHA1.hash(key).bytes
                }
                let pubKeyHash = keys.isEmpty ? Digest.zero : SHA1.hash(hashes)
                bytes = try? TransportLogIn(parameters: parameters, pubKeyHash: pubKeyHash).encoded()
            case .answer(let out):
                bytes = try? out.encoded()
            }
            guard let bytes else { return nil }
            digest = SHA1.hash(digest, bytes)
        }
        return digest
    }
}

/// A log and the TPM's signature over it.
public struct SignedTransportLog: Sendable, Equatable {
    public let log: TransportLog
    public let signature: [UInt8]

    /// Whether the key signed exactly this log for this nonce (Part 3, 24.3 action 8).
    ///
    /// - Parameter publicKeys: of the keys that commands in the log named.
    public func isSigned(by key: RSAPublicKey, nonce: Digest, publicKeys: [KeyHandle: Pubkey] = [:]) -> Bool {
        guard let digest = log.digest(publicKeys: publicKeys),
            let info = try? SignInfo(fixed: Array("TRAN".utf8), replay: nonce, data: digest.bytes).encoded()
        else { return false }
        return key.verify(SHA1.hash(info), signature: signature)
    }
}
