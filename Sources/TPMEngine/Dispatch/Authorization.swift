import TPMCrypto
import TPMWire

/// What the authorization sessions of one command said, and what was made of it (Part 1, 13).
struct Authorization {
    /// Which of a command's sessions.
    enum Position: Int {
        case first, second

        /// What a wrong HMAC is answered with (Part 3, 18.1.1 action 6).
        var failure: TPMResult { self == .first ? .authFail : .auth2Fail }
    }

    private(set) var requests: [AuthRequest] = []
    /// For each session whose HMAC was right the key of that HMAC, which also authenticates the answer.
    private var verifiedKeys: [Secret?] = []
    /// By position: what the secret of a session may do when it is not the entity's own.
    private var delegations: [Int: DelegatePublic] = [:]
    private var inParamDigest = Digest.zero
    /// True once a secret did not match: it counts towards the lockout, though the command leaves no other trace.
    private(set) var hasFailed = false
    /// True when a session's shared secret served for encryption, which ends the session (Part 3, 18.2 action 14.c).
    private var hidData: Set<UInt32> = []

    /// The session that stands last: the only one of an AUTH1 command, nil without any.
    var last: Position? { Position(rawValue: requests.count - 1) }

    /// Where the transport session of TPM_ExecuteTransport and TPM_ReleaseTransportSigned stands: last. Nil in every
    /// other command.
    private(set) var transport: Position?

    /// What the actions of TPM_ExecuteTransport made for the trailer of their answer.
    struct TransportAnswer {
        let nonceEven: Digest
        let outParamDigest: Digest
    }

    var transportAnswer: TransportAnswer?

    /// Ends the sessions that the command names, as a failure does (Part 2, 16 description 3).
    func endSessions(in state: inout AnyState) {
        for (index, request) in requests.enumerated() {
            if index == transport?.rawValue {
                state.transports.close(request.authHandle)
            } else {
                state.sessions.close(request.authHandle)
            }
        }
    }

    /// Decodes the trailers and digests the ordinal and the parameters (Part 1, 13.2: inParamDigest).
    mutating func begin(
        _ ordinal: Ordinal, parameters: ArraySlice<UInt8> = [], trailers: ArraySlice<UInt8>
    ) throws(TPMResult) {
        guard !trailers.isEmpty else { return }
        var decoder = WireDecoder(trailers)
        try decoder.array("auth", &requests, count: trailers.count / AuthRequest.byteCount)
        try decoder.finish()
        verifiedKeys = Array(repeating: nil, count: requests.count)
        inParamDigest = SHA1.hash(ordinal.rawValue, parameters)
        if ordinal == .executeTransport || ordinal == .releaseTransportSigned { transport = last }
    }
}

extension Execution {
    /// Checks that the session at `position` proves knowledge of an entity's secret (Part 3, 18.1.1 and 18.2.1), or of
    /// one that stands for it and may authorize this command (Part 1, 27.1 action 1 and 29.9).
    ///
    /// TPM_INVALID_AUTHHANDLE when there is no such session, TPM_AUTHFAIL or TPM_AUTH2FAIL when it is bound to
    /// another entity or the HMAC is not the one expected, TPM_DEFEND_LOCK_RUNNING during a lockout; for a delegation
    /// TPM_BAD_LOCALITY, TPM_WRONGPCRVAL, and TPM_DISABLED_CMD for a command that it does not include.
    ///
    /// - Parameter delegation: what `secret` may do; nil for the entity's own.
    mutating func authorize(
        _ position: Authorization.Position, as entity: Entity, secret: Secret, delegation: DelegatePublic? = nil
    ) throws(TPMResult) {
        try checkLockout()
        let session = try session(at: position)
        var (key, delegation) = (secret, delegation)
        if let binding = session.binding {
            guard binding.entity == entity else { throw position.failure }
            (key, delegation) = (binding.sharedSecret, binding.delegation)
        }
        if let delegation {
            // The secret is not tried where it may not be used (Part 3, 18.2.1 action 11.b).
            try checkLocality(delegation.pcrInfo)
            try checkPCRs(delegation.pcrInfo)
        }
        try authorization.verify(position, session: session, key: key, delegation: delegation)
        guard delegation?.allows(row.ordinal, of: entity) != false else { throw .disabledCmd }
    }

    /// Checks an operand that proves knowledge of a secret, as a session's HMAC would; a wrong one counts likewise.
    ///
    /// TPM_AUTHFAIL, TPM_DEFEND_LOCK_RUNNING during a lockout.
    mutating func authorize(by proof: Digest, expected: Digest) throws(TPMResult) {
        try checkLockout()
        guard constantTimeEqual(proof, expected) else {
            authorization.fail()
            throw .authFail
        }
    }

    /// The session that a trailer names.
    func session(at position: Authorization.Position) throws(TPMResult) -> AuthSession {
        guard authorization.requests.indices.contains(position.rawValue) else { throw position.failure }
        let handle = authorization.requests[position.rawValue].authHandle
        guard let session = state.any.sessions[handle] else { throw .invalidAuthHandle }
        return session
    }

    /// TPM_BAD_MODE unless the session at `position` is bound to an entity, as commands demand that encrypt with its
    /// shared secret; the specification names no code.
    func requireOSAP(at position: Authorization.Position) throws(TPMResult) {
        guard try session(at: position).binding != nil else { throw .badMode }
    }

    /// The transport session that the command came with; TPM_INVALID_AUTHHANDLE when there is no such session.
    func transportSession() throws(TPMResult) -> (TransportInternal, request: AuthRequest) {
        guard let position = authorization.transport else { throw .authFail }
        let request = authorization.requests[position.rawValue]
        guard let session = state.any.transports[request.authHandle] else { throw .invalidAuthHandle }
        return (session, request)
    }

    /// Checks the transport session's authorization, with its own secret.
    ///
    /// A wrong one ends the session, whose secret nobody can guess at again: it does not count towards the lockout.
    ///
    /// - Parameters:
    ///   - inParamDigest: what the HMAC covers, where it is not the ordinal with the parameters.
    ///   - failure: what a wrong HMAC is answered with.
    mutating func authorizeTransport(
        _ session: TransportInternal, inParamDigest: Digest? = nil, failure: TPMResult
    ) throws(TPMResult) {
        guard let position = authorization.transport,
            authorization.verify(
                position, nonceEven: session.transNonceEven, key: session.authData, inParamDigest: inParamDigest)
        else { throw failure }
    }

    /// Checks the owner's authorization, which stands last in every command that asks for it.
    mutating func authorizeOwner() throws(TPMResult) {
        let (secret, delegation) = try ownerSecret()
        guard let position = authorization.last else { throw .authFail }
        try authorize(position, as: .owner, secret: secret, delegation: delegation)
    }

    /// The secret that TPM_STCLEAR_DATA -> ownerReference points to: the owner's own, or that of a delegation and what
    /// it may do (Part 3, 18.2 action 7 and 18.4). TPM_NOSRK without an owner.
    func ownerSecret() throws(TPMResult) -> (Secret, DelegatePublic?) {
        let owner = try ownership()
        guard state.clear.ownerReference != .owner else { return (owner.ownerAuth, nil) }
        let row = try usableRow(state.clear.ownerReference.rawValue)
        return (row.authValue, row.pub)
    }

    /// Decrypts new authorization data that a session protects in transit (Part 1, 13.4).
    ///
    /// TPM_AUTHFAIL or TPM_AUTH2FAIL for an OIAP session. The session ends with the command.
    mutating func decrypt(
        _ encAuth: Secret, at position: Authorization.Position, isSecondValue: Bool = false
    ) throws(TPMResult) -> Secret {
        let session = try session(at: position)
        guard let binding = session.binding else { throw position.failure }
        authorization.end(session.handle)
        let nonce = isSecondValue ? authorization.requests[position.rawValue].nonceOdd : session.nonceEven
        return try binding.mask(encAuth, pad: SHA1.hash(binding.sharedSecret, nonce), counter: nonce)
    }

    /// Encrypts or decrypts data of any length with a session's shared secret, as TPM_Sealx and TPM_Unseal do
    /// (Part 3, 10.2 action 9 and 10.7 actions 13 and 14). The session ends with the command.
    mutating func maskData(
        _ data: Secret, at position: Authorization.Position, scheme: ADIPScheme
    ) throws(TPMResult) -> Secret {
        let session = try session(at: position)
        guard let binding = session.binding else { throw .badMode }
        authorization.end(session.handle)
        let nonceOdd = authorization.requests[position.rawValue].nonceOdd
        var bytes = data.bytes
        defer { wipe(&bytes) }
        do throws(CryptoError) {
            switch scheme {
            case .xor:
                let seed = Secret(
                    session.nonceEven.bytes + nonceOdd.bytes + Array("XOR".utf8) + binding.sharedSecret.bytes)
                try MGF1.xor(seed: seed, into: &bytes)
            case .aes128CTR:
                let counter = SHA1.hash(session.nonceEven, nonceOdd)
                bytes = try AES.ctr(key: binding.aesKey, iv: Array(counter.bytes.prefix(AES.blockSize)), data: bytes)
            }
        } catch {
            throw .fail
        }
        return Secret(bytes)
    }

    /// Encodes the answer: header, operands, and for every session the next nonce and the answer's HMAC. The range is
    /// that of the operands that enter the HMAC.
    mutating func answer<Response: Operands>(
        _ response: inout Response, to ordinal: Ordinal, tag: CommandTag
    ) throws(TPMResult) -> (bytes: [UInt8], parameters: Range<Int>) {
        var encoder = WireEncoder(reserving: 512)
        var header = Header(tag: tag, paramSize: 0, code: 0)
        try header.code(&encoder)
        try response.handles(&encoder)
        let start = encoder.bytes.count
        try response.code(&encoder)
        let parameters = start..<encoder.bytes.count
        if !authorization.requests.isEmpty {
            let digest = SHA1.hash(UInt32(0), ordinal.rawValue, encoder.bytes[parameters])
            for index in authorization.requests.indices {
                // Every session that came with the command has to have authorized something.
                guard let position = Authorization.Position(rawValue: index),
                    authorization.isVerified(position)
                else { throw .authFail }
                if position == authorization.transport {
                    var trailer = try transportTrailer(position, digest: digest)
                    try trailer.code(&encoder)
                    continue
                }
                let handle = authorization.requests[index].authHandle
                // The actions may have ended it: with the owner, or with the key that it was bound to.
                let isOpen = state.any.sessions[handle] != nil
                var trailer = authorization.response(
                    position, digest: digest, nonceEven: try nonce(), isOpen: isOpen)
                if trailer.continueAuthSession {
                    state.any.sessions.roll(handle, to: trailer.nonceEven)
                } else {
                    state.any.sessions.close(handle)
                }
                try trailer.code(&encoder)
            }
        }
        encoder.patchSize(at: 2)
        return (encoder.bytes, parameters)
    }

    /// The same for a transport session, which TPM_ExecuteTransport has rolled on already.
    private mutating func transportTrailer(
        _ position: Authorization.Position, digest: Digest
    ) throws(TPMResult) -> AuthResponse {
        let handle = authorization.requests[position.rawValue].authHandle
        let isOpen = state.any.transports[handle] != nil
        let made = authorization.transportAnswer
        let nonceEven = if let made { made.nonceEven } else { try nonce() }
        let trailer = authorization.response(
            position, digest: made?.outParamDigest ?? digest, nonceEven: nonceEven, isOpen: isOpen)
        if isOpen, !trailer.continueAuthSession { state.any.transports.close(handle) }
        return trailer
    }
}

extension Authorization {
    fileprivate mutating func verify(
        _ position: Position, session: AuthSession, key: Secret, delegation: DelegatePublic?
    ) throws(TPMResult) {
        guard verify(position, nonceEven: session.nonceEven, key: key) else {
            hasFailed = true
            throw position.failure
        }
        delegations[position.rawValue] = delegation
    }

    /// False when the HMAC at `position` is another than the key makes. It covers `inParamDigest`, which is by default
    /// that of the ordinal and the parameters.
    fileprivate mutating func verify(
        _ position: Position, nonceEven: Digest, key: Secret, inParamDigest digest: Digest? = nil
    ) -> Bool {
        let request = requests[position.rawValue]
        let expected = HMAC.authenticate(
            key: key, digest ?? inParamDigest, nonceEven, request.nonceOdd,
            UInt8(request.continueAuthSession ? 1 : 0))
        guard Secret(expected) == Secret(request.auth) else { return false }
        verifiedKeys[position.rawValue] = key
        return true
    }

    /// The delegation by which the session at `position` authorized; nil when it proved the entity's own secret.
    func delegation(at position: Position) -> DelegatePublic? { delegations[position.rawValue] }

    fileprivate mutating func fail() { hasFailed = true }

    fileprivate mutating func end(_ handle: UInt32) { hidData.insert(handle) }

    fileprivate func isVerified(_ position: Position) -> Bool { verifiedKeys[position.rawValue] != nil }

    /// Ends the session at `position` with the command, whatever the caller asked for.
    mutating func endSession(at position: Position) {
        guard requests.indices.contains(position.rawValue) else { return }
        end(requests[position.rawValue].authHandle)
    }

    fileprivate func response(
        _ position: Position, digest: Digest, nonceEven: Digest, isOpen: Bool
    ) -> AuthResponse {
        let request = requests[position.rawValue]
        let continues = request.continueAuthSession && isOpen && !hidData.contains(request.authHandle)
        let key = verifiedKeys[position.rawValue] ?? Secret([])
        return AuthResponse(
            nonceEven: nonceEven, continueAuthSession: continues,
            resAuth: HMAC.authenticate(
                key: key, digest, nonceEven, request.nonceOdd, UInt8(continues ? 1 : 0)))
    }
}

extension DelegatePublic {
    /// True when the delegation is one of this kind of entity and its bit of the command is set (Part 2, 20.2). The
    /// commands that cannot be delegated have no bit.
    fileprivate func allows(_ ordinal: Ordinal, of entity: Entity) -> Bool {
        let type: DelegateType = entity == .owner ? .owner : .key
        return permissions.delegateType == type && permissions.allows(ordinal)
    }
}

extension AuthSession.Binding {
    fileprivate var aesKey: Secret {
        sharedSecret.withUnsafeBytes { Secret(UnsafeRawBufferPointer(rebasing: $0.prefix(AES.blockSize))) }
    }

    fileprivate func mask(_ value: Secret, pad: Digest, counter: Digest) throws(TPMResult) -> Secret {
        switch scheme {
        case .xor:
            return Secret(count: value.count) { target in
                value.withUnsafeBytes { value in
                    pad.withUnsafeBytes { pad in
                        for (index, bytes) in zip(target.indices, zip(value, pad)) { target[index] = bytes.0 ^ bytes.1 }
                    }
                }
            }
        case .aes128CTR:
            do {
                let iv = Array(counter.bytes.prefix(AES.blockSize))
                return try AES.ctr(key: aesKey, iv: iv, data: value)
            } catch {
                throw .fail
            }
        }
    }
}
