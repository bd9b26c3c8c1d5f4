import TPMCrypto
import TPMWire

/// Sends commands to a TPM 1.2 and checks its answers. One command at a time.
public final class TPMClient {
    private let transport: any Transport
    let random: any RandomSource

    public init(_ transport: any Transport, random: any RandomSource = SystemRandom()) {
        self.transport = transport
        self.random = random
    }

    /// Sends a command with up to two sessions and checks the HMACs of the answer.
    ///
    /// A session that the TPM ended says so in ``Session/isOpen``; after an error they are all ended, as the TPM does.
    @discardableResult
    public func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, _ sessions: Session...
    ) throws -> C.Response {
        try execute(command, request, sessions: sessions)
    }

    public func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, sessions: [Session]
    ) throws -> C.Response {
        try execute(command, request, sessions: sessions, digests: nil)
    }

    /// The same, for a command whose HMACs cover other digests than those of its operands.
    func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, sessions: [Session], digests: ParameterDigests<C>?
    ) throws -> C.Response {
        guard sessions.allSatisfy(\.isOpen) else { throw ClientError.sessionEnded(C.ordinal) }
        var bytes = try Self.encode(command, request, sessions: sessions, inParamDigest: digests?.input)
        // Data to be sealed, or written, stands in them.
        defer { wipe(&bytes) }
        var answer = try transport.transmit(bytes)
        defer { wipe(&answer) }
        return try decode(command, answer, sessions: sessions, outParamDigest: digests?.output)
    }

    /// Sends a command that one secret authorizes, over a session of its own; without a secret, without a session.
    @discardableResult
    public func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, authorizedBy secret: Secret?
    ) throws -> C.Response {
        guard let secret else { return try execute(command, request) }
        return try withOIAP(secret) { try execute(command, request, $0) }
    }

    /// The bytes of a command (Part 3, 1).
    public static func encode<C: Command>(
        _ command: C.Type, _ request: C.Request, sessions: [Session] = []
    ) throws(ClientError) -> [UInt8] {
        try encode(command, request, sessions: sessions, inParamDigest: nil)
    }

    private static func encode<C: Command>(
        _ command: C.Type, _ request: C.Request, sessions: [Session], inParamDigest: Digest?
    ) throws(ClientError) -> [UInt8] {
        let tags: [CommandTag] = [.rquCommand, .rquAuth1, .rquAuth2]
        guard tags.indices.contains(sessions.count) else { throw .badRequest(C.ordinal) }
        // Room enough that the buffer does not grow, which would leave a copy behind.
        var encoder = WireEncoder(reserving: 4096)
        var request = request
        do throws(TPMResult) {
            var tag = tags[sessions.count].rawValue
            var size: UInt32 = 0
            var ordinal = C.ordinal.rawValue
            encoder.uint16("tag", &tag)
            encoder.uint32("paramSize", &size)
            encoder.uint32("ordinal", &ordinal)
            try request.handles(&encoder)
            let parameters = encoder.bytes.count
            try request.code(&encoder)
            let digest = inParamDigest ?? SHA1.hash(ordinal, encoder.bytes[parameters...])
            for session in sessions {
                var trailer = session.trailer(digest)
                try trailer.code(&encoder)
            }
        } catch {
            throw .badRequest(C.ordinal)
        }
        encoder.patchSize(at: 2)
        return encoder.bytes
    }
}

/// What the HMACs of a command cover instead of its operands.
struct ParameterDigests<C: Command> {
    let input: Digest
    /// Of a response and the last of its trailers.
    let output: (C.Response, AuthResponse) throws -> Digest
}

// MARK: - Answers

extension TPMClient {
    private static let headerSize = 10

    private func decode<C: Command>(
        _ command: C.Type, _ answer: [UInt8], sessions: [Session],
        outParamDigest: ((C.Response, AuthResponse) throws -> Digest)?
    ) throws -> C.Response {
        let tags: [CommandTag] = [.rspCommand, .rspAuth1, .rspAuth2]
        var tag: UInt16 = 0
        var code: UInt32 = 0
        let end = answer.count - sessions.count * AuthResponse.byteCount
        var response = C.Response()
        var trailers: [AuthResponse] = []
        var parameters = Self.headerSize
        do throws(TPMResult) {
            var header = WireDecoder(answer)
            var size: UInt32 = 0
            try header.uint16("tag", &tag)
            try header.uint32("paramSize", &size)
            try header.uint32("returnCode", &code)
            guard size == UInt32(clamping: answer.count) else { throw .badParamSize }
            if code == 0 {
                guard tag == tags[sessions.count].rawValue else { throw .badTag }
                guard end >= Self.headerSize else { throw .badParamSize }
                var decoder = WireDecoder(answer[Self.headerSize..<end])
                try response.handles(&decoder)
                parameters = end - decoder.remaining
                try response.code(&decoder)
                try decoder.finish()
                var rest = WireDecoder(answer[end...])
                try rest.array("auth", &trailers, count: sessions.count)
            } else {
                // The one form of an error (Part 2, 16).
                guard tag == CommandTag.rspCommand.rawValue, size == Self.headerSize else { throw .badTag }
            }
        } catch {
            throw ClientError.badResponse(C.ordinal)
        }
        guard code == 0 else {
            let result = TPMResult(rawValue: code)
            // There was no new nonce, so the TPM ended the sessions (Part 1, 26).
            if !result.isNonFatal { for session in sessions { session.isOpen = false } }
            throw ClientError.tpm(result, C.ordinal)
        }
        var digest = SHA1.hash(UInt32(0), C.ordinal.rawValue, answer[parameters..<end])
        if let outParamDigest, let trailer = trailers.last { digest = try outParamDigest(response, trailer) }
        for (session, trailer) in zip(sessions, trailers) {
            guard session.isAuthentic(trailer, digest: digest) else { throw ClientError.notAuthentic(C.ordinal) }
        }
        for (session, trailer) in zip(sessions, trailers) { session.roll(trailer, nonceOdd: try random.digest()) }
        return response
    }
}
