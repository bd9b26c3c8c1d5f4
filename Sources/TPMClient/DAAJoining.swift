import TPMCrypto
import TPMWire

extension TPMClient {
    /// Begins a join: convinces the TPM that the parameters are the issuer's (Part 3, 26.1 stages 0 to 3).
    ///
    /// - Parameters:
    ///   - chain: the issuer's first key, which the pseudonym depends on, and those that followed it.
    ///   - signature: of the last key over ``DAAParameters/signedData(firstKey:)``.
    ///   - count: tells one credential of this issuer from another.
    public func joinDAA(
        chain: [DAAIssuerKey], parameters: DAAParameters, signature: [UInt8], count: UInt32, owner: Secret
    ) throws -> DAAJoining {
        let stages = try DAAStages<DAAJoin>(
            self, parameters, owner: owner, opening: bytes(UInt32(clamping: chain.count)))
        for key in chain.dropLast() { try stages.again(key.modulus, key.signature) }
        if let key = chain.last { try stages.next(key.modulus, key.signature) }
        try stages.next(try parameters.settings.encoded(), signature)
        try stages.next(bytes(count))
        return DAAJoining(stages)
    }

    private func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}

/// A join under way (Part 3, 26.1): the calls, each once, in the order in which they stand. An error ends it.
public final class DAAJoining {
    private let stages: DAAStages<DAAJoin>

    init(_ stages: DAAStages<DAAJoin>) { self.stages = stages }

    /// The TPM's handle of the session, for its context.
    public var handle: UInt32 { stages.handle }

    /// U, which the issuer will sign blindly (stages 4 to 7).
    public func commit() throws -> [UInt8] { try stages.product() }

    /// Proves that U comes from the TPM of an endorsement key, for which the issuer encrypted a nonce (stage 8).
    public func answer(encryptedNonce: [UInt8]) throws -> Digest { try stages.nextDigest(encryptedNonce) }

    /// The commitment to what U is made of (stages 9 to 12).
    public func commitToProof() throws -> [UInt8] { try stages.product() }

    /// The name by which the issuer knows the TPM, to a base that is the issuer's (stages 13 to 15).
    public func pseudonym(base w: [UInt8]) throws -> DAAPseudonym { try stages.pseudonym(w) }

    /// The proof, for a challenge that covers all that came before (stages 16 to 21).
    public func respond(to challenge: Digest) throws -> DAAResponses {
        let nt = try stages.nextDigest(challenge.bytes)
        let (s0, s1, s2) = (try stages.next(), try stages.next(), try stages.next())
        let c = try stages.nextDigest()
        return DAAResponses(nt: nt, c: c, s0: s0, s1: s1, s2: s2, s3: try stages.next())
    }

    /// Takes the issuer's part of the secret exponent, u2 + 2^1024 · u3 in 128 and 192 bytes, and ends the join (stages
    /// 22 to 24).
    public func finish(u2: [UInt8], u3: [UInt8]) throws -> DAACredential {
        let (v0, v1) = (try stages.next(u2), try stages.next(u3))
        return DAACredential(tpmSpecific: try stages.next(), v0: v0, v1: v1)
    }

    /// Gives the join up.
    public func flush() throws { try stages.flush() }
}
