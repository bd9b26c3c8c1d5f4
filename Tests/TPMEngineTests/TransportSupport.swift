import TPMCrypto
import TPMWire

@testable import TPMClient
@testable import TPMEngine

extension OwnedTPM {
    /// A transport session; the secret of one with encryption is encrypted for the SRK.
    func transport(
        _ encryption: TransportEncryption? = nil, log: Bool = false, exclusive: Bool = false
    ) throws -> TransportSession {
        let key = try TransportKey(.srk, publicKey: publicKey(.srk), auth: srkAuth)
        return try client.openTransport(
            encryption: encryption, log: log, exclusive: exclusive, key: encryption == nil ? nil : key)
    }

    /// The handles of the open transport sessions.
    var transports: [UInt32] { tpm.state.any.transports.sessions.map(\.transHandle) }

    /// What went wrong on the way, nil for nothing. The ordinal tells TPM_ExecuteTransport from the wrapped command.
    func error(_ body: () throws -> some Any) -> ClientError? {
        do {
            _ = try body()
            return nil
        } catch { return error as? ClientError }
    }

    /// What becomes of a command in a transport session.
    func error<C: Command>(
        in session: TransportSession, _ command: C.Type, _ request: C.Request, _ sessions: Session...
    ) -> ClientError? {
        error { try client.through(session).execute(command, request, sessions: sessions) }
    }

    /// TPM_ExecuteTransport around any bytes, with DATAw encrypted and authorized as it has to be.
    ///
    /// - Parameters:
    ///   - data: where DATAw lies.
    ///   - digest: of the ordinal and DATAw in the clear.
    func wrapping(_ wrapped: [UInt8], digest: Digest, in session: TransportSession) -> [UInt8] {
        let body = be32(UInt32(wrapped.count)) + wrapped
        let parameters = SHA1.hash(be32(0xe7) + be32(UInt32(wrapped.count)) + digest.bytes)
        let key = session.session
        let hmac = HMAC.authenticate(key: key.key, parameters, key.nonceEven, key.nonceOdd, UInt8(1))
        let trailer = be32(key.handle) + key.nonceOdd.bytes + [1] + hmac.bytes
        return [0, 0xc2] + be32(UInt32(10 + body.count + trailer.count)) + be32(0xe7) + body + trailer
    }

    /// The same for a command without handles and sessions in a session without encryption.
    func wrapping(_ wrapped: [UInt8], in session: TransportSession) -> [UInt8] {
        wrapping(wrapped, digest: SHA1.hash(wrapped.dropFirst(6)), in: session)
    }
}
