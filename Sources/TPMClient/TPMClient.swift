import TPMCrypto
import TPMWire

/// Sends commands to a TPM 1.2 and checks its answers. One command at a time.
public final class TPMClient {
    private let transport: any Transport
    private let random: any RandomSource

    public init(_ transport: any Transport, random: any RandomSource = SystemRandom()) {
        self.transport = transport
        self.random = random
    }

    /// Sends a command with up to two sessions and checks the HMACs of the answer.
    ///
    /// A session that the TPM ended says so in ``Session/isOpen``; after an error they are all ended, as the TPM does.
    @discardableResult
    public func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, _ sessions: Session..., responseKey: Secret? = nil
    ) throws -> C.Response {
        try execute(command, request, sessions: sessions, responseKey: responseKey)
    }

    /// - Parameter responseKey: the key of the answer's HMAC where a command changes the secret of its own session.
    public func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, sessions: [Session], responseKey: Secret? = nil
    ) throws -> C.Response {
        let answer = try transport.transmit(try Self.encode(command, request, sessions: sessions))
        return try decode(command, answer, sessions: sessions, responseKey: responseKey)
    }

    /// The bytes of a command (Part 3, 1).
    public static func encode<C: Command>(
        _ command: C.Type, _ request: C.Request, sessions: [Session] = []
    ) throws -> [UInt8] {
        var encoder = WireEncoder(reserving: 512)
        var request = request
        do throws(TPMResult) {
            var tag = [CommandTag.rquCommand, .rquAuth1, .rquAuth2][min(sessions.count, 2)].rawValue
            var size: UInt32 = 0
            var ordinal = C.ordinal.rawValue
            encoder.uint16("tag", &tag)
            encoder.uint32("paramSize", &size)
            encoder.uint32("ordinal", &ordinal)
            try request.handles(&encoder)
            let parameters = encoder.bytes.count
            try request.code(&encoder)
            let digest = SHA1.hash(ordinal, encoder.bytes[parameters...])
            for session in sessions {
                var trailer = session.trailer(digest)
                try trailer.code(&encoder)
            }
        } catch {
            throw ClientError.badRequest(C.ordinal)
        }
        encoder.patchSize(at: 2)
        return encoder.bytes
    }

    private func decode<C: Command>(
        _ command: C.Type, _ answer: [UInt8], sessions: [Session], responseKey: Secret?
    ) throws -> C.Response {
        var decoder = WireDecoder(answer)
        do throws(TPMResult) {
            var tag: UInt16 = 0
            var size: UInt32 = 0
            var code: UInt32 = 0
            try decoder.uint16("tag", &tag)
            try decoder.uint32("paramSize", &size)
            try decoder.uint32("returnCode", &code)
            guard size == UInt32(clamping: answer.count) else { throw .badParamSize }
            if code != 0 {
                if !TPMResult(rawValue: code).isNonFatal { for session in sessions { session.isOpen = false } }
                throw TPMResult(rawValue: code)
            }
            let expected = [CommandTag.rspCommand, .rspAuth1, .rspAuth2][min(sessions.count, 2)]
            guard tag == expected.rawValue else { throw .badTag }
        } catch {
            if decoder.remaining + 10 == answer.count, answer[6..<10] != [0, 0, 0, 0] {
                throw ClientError.tpm(error, C.ordinal)
            }
            throw ClientError.badResponse(C.ordinal)
        }
        return try operands(command, answer, sessions: sessions, responseKey: responseKey)
    }

    private func operands<C: Command>(
        _ command: C.Type, _ answer: [UInt8], sessions: [Session], responseKey: Secret?
    ) throws -> C.Response {
        let end = answer.count - sessions.count * AuthResponse.byteCount
        guard end >= 10 else { throw ClientError.badResponse(C.ordinal) }
        var response = C.Response()
        var trailers: [AuthResponse] = []
        var parameters = 0
        do throws(TPMResult) {
            var decoder = WireDecoder(answer[10..<end])
            try response.handles(&decoder)
            parameters = end - decoder.remaining
            try response.code(&decoder)
            try decoder.finish()
            var rest = WireDecoder(answer[end...])
            try rest.array("auth", &trailers, count: sessions.count)
        } catch {
            throw ClientError.badResponse(C.ordinal)
        }
        let digest = SHA1.hash(UInt32(0), C.ordinal.rawValue, answer[parameters..<end])
        for (session, trailer) in zip(sessions, trailers) {
            guard session.accept(trailer, digest: digest, next: try random.digest(), key: responseKey) else {
                throw ClientError.notAuthentic(C.ordinal)
            }
        }
        return response
    }
}

// MARK: - Sessions

extension TPMClient {
    /// Opens an OIAP session that will prove knowledge of `secret` (Part 3, 18.1).
    public func oiap(_ secret: Secret, continues: Bool = false) throws -> Session {
        let opened = try execute(OIAP.self, .init())
        return Session(
            handle: opened.authHandle, nonceEven: opened.nonceEven, nonceOdd: try random.digest(), key: secret,
            scheme: nil, continues: continues)
    }

    /// Opens an OSAP session bound to an entity (Part 3, 18.2).
    public func osap(
        _ kind: EntityKind, _ value: UInt32 = 0, secret: Secret, scheme: ADIPScheme = .xor, continues: Bool = false
    ) throws -> Session {
        let nonceOddOSAP = try random.digest()
        let opened = try execute(
            OSAP.self,
            .init(entityType: EntityType(scheme: scheme, kind: kind), entityValue: value, nonceOddOSAP: nonceOddOSAP))
        let shared = HMAC.authenticate(key: secret, opened.nonceEvenOSAP, nonceOddOSAP)
        return Session(
            handle: opened.authHandle, nonceEven: opened.nonceEven, nonceOdd: try random.digest(),
            key: Secret(shared), scheme: scheme, continues: continues)
    }

    /// Ends a session that the TPM still holds.
    public func close(_ session: Session) throws {
        guard session.isOpen else { return }
        try execute(FlushSpecific.self, .init(handle: session.handle, resourceType: .auth))
        session.isOpen = false
    }
}
