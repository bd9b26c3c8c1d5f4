import TPMCrypto
import TPMWire

extension TPMClient {
    /// Begins a signature with a credential (Part 3, 26.2 stages 0 and 1).
    public func signDAA(
        with credential: DAACredential, parameters: DAAParameters, owner: Secret
    ) throws -> DAASigning {
        let stages = try DAAStages<DAASign>(
            self, parameters, owner: owner, opening: try parameters.settings.encoded())
        try stages.next(credential.tpmSpecific)
        return DAASigning(stages, credential)
    }
}

/// A signature under way (Part 3, 26.2): the calls, each once, in the order in which they stand. An error ends it.
public final class DAASigning {
    /// What is signed.
    public enum Message: Sendable, Equatable {
        /// A digest of anything.
        case digest(Digest)
        /// A loaded identity key.
        case identityKey(KeyHandle)
    }

    private let stages: DAAStages<DAASign>
    private let credential: DAACredential

    init(_ stages: DAAStages<DAASign>, _ credential: DAACredential) {
        self.stages = stages
        self.credential = credential
    }

    /// The TPM's handle of the session, for its context.
    public var handle: UInt32 { stages.handle }

    /// The TPM's part of the commitment (stages 2 to 5).
    public func commit() throws -> [UInt8] { try stages.product() }

    /// A pseudonym to a base that is random or the verifier's (stages 6 to 8).
    public func pseudonym(base w: [UInt8]) throws -> DAAPseudonym { try stages.pseudonym(w) }

    /// Signs, for a challenge that covers all that came before, and ends the session (stages 9 to 15).
    public func sign(_ message: Message, challenge: Digest) throws -> DAAResponses {
        let nt = try stages.nextDigest(challenge.bytes)
        let c =
            switch message {
            case .identityKey(let key): try stages.nextDigest([0], try key.encoded())
            case .digest(let digest): try stages.nextDigest([1], digest.bytes)
            }
        let (s0, s1, s2) = (try stages.next(), try stages.next(), try stages.next(credential.v0))
        // What s2 left out stays in the TPM.
        try stages.next(credential.v0)
        return DAAResponses(nt: nt, c: c, s0: s0, s1: s1, s2: s2, s3: try stages.next(credential.v1))
    }

    /// Gives the signature up.
    public func flush() throws { try stages.flush() }
}
