import TPMCrypto
import TPMWire

/// How a transport session encrypts what it carries (Part 1, 18.1.1 and 18.1.4).
public enum TransportEncryption: Sendable, CaseIterable {
    /// Exclusive-or with an MGF1 mask, which every TPM 1.2 has.
    case mgf1
    case aesCTR, aesOFB

    var algId: AlgorithmID { self == .mgf1 ? .mgf1 : .aes128 }
    var encScheme: EncScheme {
        switch self {
        case .mgf1: .none
        case .aesCTR: .symCTR
        case .aesOFB: .symOFB
        }
    }
}

/// A storage or legacy key in the TPM for which the secret of a transport session is encrypted.
public struct TransportKey {
    public let handle: KeyHandle
    public let publicKey: RSAPublicKey
    /// Nil for a key that needs no authorization.
    public let auth: Secret?

    public init(_ handle: KeyHandle, publicKey: RSAPublicKey, auth: Secret? = .wellKnown) {
        self.handle = handle
        self.publicKey = publicKey
        self.auth = auth
    }
}

/// A transport session (Part 3, 24): a ``Transport`` that carries each command inside of a TPM_ExecuteTransport and
/// opens its answer. ``TPMClient/through(_:)`` gives the client whose commands go this way.
///
/// An error of the wrapped command is that command's alone; one of TPM_ExecuteTransport ends the session.
public final class TransportSession: Transport {
    private let client: TPMClient
    public let transPublic: TransportPublic
    let session: Session
    /// What the session carried, for one with a log.
    public private(set) var log: TransportLog
    /// How the ticks of the session's answers count.
    private let tickSession: CurrentTicks

    init(
        client: TPMClient, transPublic: TransportPublic, session: Session, log: TransportLog, tickSession: CurrentTicks
    ) {
        self.client = client
        self.transPublic = transPublic
        self.session = session
        self.log = log
        self.tickSession = tickSession
    }

    public var handle: UInt32 { session.handle }
    /// False once the TPM ended the session.
    public var isOpen: Bool { session.isOpen }
    /// Whether to ask the TPM to keep the session after the next command.
    public var continues: Bool {
        get { session.continues }
        set { session.continues = newValue }
    }

    /// - Throws: ``ClientError/badRequest(_:)`` for a command that is not described.
    public func transmit(_ command: [UInt8]) throws -> [UInt8] {
        guard let message = WrappedMessage(command: command) else { throw ClientError.badRequest(.executeTransport) }
        let ordinal = message.ordinal.rawValue
        let input = SHA1.hash(ordinal, command[message.data])
        let nonceOdd = session.nonceOdd
        var wrapped = command
        defer { wipe(&wrapped) }
        try transPublic.mask(
            &wrapped, message.data, .command, nonceEven: session.nonceEven, nonceOdd: nonceOdd, secret: session.key)
        var answer: [UInt8] = []
        var output = Digest.zero
        let digests = ParameterDigests<ExecuteTransport>(
            input: SHA1.hash(ExecuteTransport.ordinal.rawValue, UInt32(clamping: wrapped.count), input)
        ) { [self] response, trailer in
            answer = response.wrappedRsp.bytes
            guard let data = WrappedMessage(response: answer, to: message.ordinal)?.data else {
                throw ClientError.badResponse(message.ordinal)
            }
            try transPublic.mask(
                &answer, data, .answer, nonceEven: trailer.nonceEven, nonceOdd: nonceOdd, secret: session.key)
            let code = answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) }
            output = SHA1.hash(code, ordinal, answer[data])
            return SHA1.hash(
                UInt32(0), ExecuteTransport.ordinal.rawValue, response.currentTicks, response.locality,
                UInt32(clamping: answer.count), output)
        }
        let response = try client.execute(
            ExecuteTransport.self, .init(wrappedCmd: Secret(wrapped)), sessions: [session], digests: digests)
        if transPublic.transAttributes.contains(.log) {
            var ticks = tickSession
            ticks.currentTicks = response.currentTicks
            log.add(.command(parameters: input, keys: message.loggedKeys(of: command)))
            log.add(.answer(.init(currentTicks: ticks, parameters: output, locality: response.locality)))
        }
        return answer
    }
}

extension TPMClient {
    /// Opens a transport session (Part 3, 24.1).
    ///
    /// - Parameters:
    ///   - encryption: nil for a session that hides nothing.
    ///   - key: nil sends the session's secret in the clear, which a session with encryption must not.
    public func openTransport(
        encryption: TransportEncryption? = nil, log: Bool = false, exclusive: Bool = false, key: TransportKey? = nil
    ) throws -> TransportSession {
        var attributes = TransportAttributes()
        if encryption != nil { attributes.insert(.encrypt) }
        if log { attributes.insert(.log) }
        if exclusive { attributes.insert(.exclusive) }
        let transPublic = TransportPublic(
            transAttributes: attributes, algId: (encryption?.algId ?? .mgf1).rawValue,
            encScheme: (encryption?.encScheme ?? .none).rawValue)
        let secret = try random.secret(count: Digest.byteCount)
        var request = EstablishTransport.Request(encHandle: .transport, transPublic: transPublic, secret: secret)
        if let key {
            request.encHandle = key.handle
            let auth = try TransportAuth(authData: secret).encodedSecret()
            request.secret = Secret(try key.publicKey.encryptOAEP(auth, random: random))
        }
        let opened = try execute(EstablishTransport.self, request, authorizedBy: key?.auth)
        let session = Session(
            handle: opened.transHandle, nonceEven: opened.transNonceEven, nonceOdd: try random.digest(), key: secret,
            scheme: nil, continues: true)
        return TransportSession(
            client: self, transPublic: transPublic, session: session,
            log: try TransportLog(request, opened), tickSession: opened.currentTicks)
    }

    /// A client whose commands go through a transport session.
    public func through(_ session: TransportSession) -> TPMClient { TPMClient(session, random: random) }

    /// Ends a transport session that the TPM still holds.
    public func close(_ session: TransportSession) throws {
        guard session.isOpen else { return }
        session.session.isOpen = false
        try execute(FlushSpecific.self, .init(handle: session.handle, resourceType: .trans))
    }

    /// Ends a transport session with a log and has the TPM sign the log (Part 3, 24.3).
    ///
    /// - Parameters:
    ///   - key: a signing key of TPM_SS_RSASSAPKCS1v15_SHA1.
    ///   - nonce: what the verifier chose, so that the signature is known to be fresh.
    public func release(
        _ session: TransportSession, nonce: Digest, with key: KeyHandle, auth: Secret? = .wellKnown
    ) throws -> SignedTransportLog {
        let request = ReleaseTransportSigned.Request(keyHandle: key, antiReplay: nonce)
        let response: ReleaseTransportSigned.Response
        if let auth {
            response = try withOIAP(auth) { try execute(ReleaseTransportSigned.self, request, $0, session.session) }
        } else {
            response = try execute(ReleaseTransportSigned.self, request, session.session)
        }
        var log = session.log
        log.add(
            .answer(
                .init(
                    currentTicks: response.currentTicks,
                    parameters: SHA1.hash(ReleaseTransportSigned.ordinal.rawValue, nonce),
                    locality: response.locality)))
        return SignedTransportLog(log: log, signature: response.signature)
    }
}
