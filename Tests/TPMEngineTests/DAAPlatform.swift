import TPMClient
import TPMCrypto
import TPMWire

/// The host beside the TPM: what a join left it, and its half of a signature (Brickell, Camenisch, Chen 2004).
struct DAAPlatform: Sendable {
    let issuer: DAAIssuerParty
    let credential: DAACredential
    let a, e: Number

    /// A signature as the verifier gets it.
    struct Signature {
        var base, t1, t2, pseudonym: Number
        var c, nt: Digest
        var sv, sf0, sf1, se, see, sw, sew, sr, ser: Number
    }

    /// The whole join with a TPM and its issuer, and what the two exchanged.
    static func join(
        _ tpm: OwnedTPM, _ issuer: DAAIssuerParty, count: UInt32 = 1
    ) throws -> (platform: DAAPlatform, request: DAAIssuerParty.JoinRequest, u: [UInt8], proof: Digest) {
        let join = try tpm.client.joinDAA(
            chain: try issuer.signedChain(), parameters: issuer.parameters, signature: try issuer.signature(),
            count: count, owner: tpm.ownerAuth)
        let u = try join.commit()
        let proof = try join.answer(encryptedNonce: try tpm.encryptedForEK(Secret(endorsementNonce)))
        let commitment = try join.commitToProof()
        let base = try DAAIssuerParty.base("the issuer")
        let pseudonym = try join.pseudonym(base: base.bytes(256))
        let nonce = Digest(repeating: 0x69)
        let responses = try join.respond(
            to: issuer.challenge(u: u, commitment: commitment, pseudonym: pseudonym, nonce: nonce))
        let request = DAAIssuerParty.JoinRequest(
            u: u, commitment: commitment, pseudonym: pseudonym, base: base, nonce: nonce, responses: responses)
        let (a, e, v) = try issuer.certify(u: u)
        let half = Number(1) << 1024
        let credential = try join.finish(u2: (v % half).bytes(128), u3: (v / half).bytes(192))
        return (DAAPlatform(issuer: issuer, credential: credential, a: a, e: e), request, u, proof)
    }

    static let endorsementNonce = Digest(repeating: 0x4e)

    /// Signs with the TPM's help.
    ///
    /// - Parameter client: another way to the TPM than its own.
    func sign(
        _ message: DAASigning.Message, for verifier: Digest, base: Number, on tpm: OwnedTPM,
        through client: TPMClient? = nil
    ) throws -> Signature {
        let random = SeededRandom(seed: Array("DAA platform".utf8))
        func number(_ bits: Int) throws -> Number { try Number.random(bits: bits, random) }
        let (n, g, gPrime, h) = (DAAIssuerParty.n, issuer.g, issuer.gPrime, issuer.h)
        let signing = try (client ?? tpm.client).signDAA(
            with: credential, parameters: issuer.parameters, owner: tpm.ownerAuth)
        let w = try number(2128)
        let r = try number(2128)
        let t1 = (a * h.power(w, n)) % n
        let t2 = (g.power(w, n) * h.power(e, n) * gPrime.power(r, n)) % n
        let t = Number(try signing.commit())
        let pseudonym = try signing.pseudonym(base: base.bytes(256))
        let (re, ree, rw, rr) = (try number(360), try number(977), try number(2368), try number(2368))
        let (rew, rer) = (try number(2737), try number(2737))
        let first = (t * t1.power(re, n) * h.power(-rew, n)) % n
        let second = (g.power(rw, n) * h.power(re, n) * gPrime.power(rr, n)) % n
        let third = (t2.power(-re, n) * g.power(rew, n) * h.power(ree, n) * gPrime.power(rer, n)) % n
        let digest = issuer.challenge(
            base: base, t1: t1, t2: t2, pseudonym: Number(pseudonym.value), [first, second, third],
            Number(pseudonym.commitment), verifier)
        let answer = try signing.sign(message, challenge: digest)
        let c = Number(answer.c.bytes)
        return Signature(
            base: base, t1: t1, t2: t2, pseudonym: Number(pseudonym.value), c: answer.c, nt: answer.nt,
            sv: Number(answer.s2) + (Number(answer.s3) << 1024), sf0: Number(answer.s0), sf1: Number(answer.s1),
            se: re + c * (e - (Number(1) << 367)), see: ree + c * e * e, sw: rw + c * w, sew: rew + c * w * e,
            sr: rr + c * r, ser: rer + c * e * r)
    }
}

extension DAAIssuerParty {
    /// What the platform's part of a signature's challenge covers.
    func challenge(
        base: Number, t1: Number, t2: Number, pseudonym: Number, _ commitments: [Number], _ named: Number,
        _ verifier: Digest
    ) -> Digest {
        let numbers =
            [Self.n, g, gPrime, h, r0, r1, s, z, Self.gamma, Self.rho, base, t1, t2, pseudonym] + commitments
            + [named]
        return SHA1.hash(SHA1.hash(numbers.flatMap { $0.bytes(256) }), verifier)
    }

    /// Whether a signature over a message with this selector is one of a TPM with a credential of this issuer: the
    /// verifier's equations.
    func verifies(
        _ signature: DAAPlatform.Signature, selector: UInt8, _ message: [UInt8], for verifier: Digest
    ) -> Bool {
        let (n, gamma) = (Self.n, Self.gamma)
        let c = Number(signature.c.bytes)
        let se = signature.se + (c << 367)
        guard signature.sf0.bitCount <= 345, signature.sf1.bitCount <= 345, signature.se.bitCount <= 361,
            signature.base.power(Self.rho, gamma) == Number(1),
            signature.pseudonym.power(Self.rho, gamma) == Number(1)
        else { return false }
        let first =
            (z.power(-c, n) * signature.t1.power(se, n) * r0.power(signature.sf0, n) * r1.power(signature.sf1, n)
                * s.power(signature.sv, n) * h.power(-signature.sew, n)) % n
        let second =
            (signature.t2.power(-c, n) * g.power(signature.sw, n) * h.power(se, n) * gPrime.power(signature.sr, n)) % n
        let third =
            (signature.t2.power(-se, n) * g.power(signature.sew, n) * h.power(signature.see, n)
                * gPrime.power(signature.ser, n)) % n
        let named =
            (signature.pseudonym.power(-c, gamma)
                * signature.base.power(signature.sf0 + (signature.sf1 << 104), gamma)) % gamma
        let digest = challenge(
            base: signature.base, t1: signature.t1, t2: signature.t2, pseudonym: signature.pseudonym,
            [first, second, third], named, verifier)
        return SHA1.hash(SHA1.hash(digest, signature.nt), selector, message) == signature.c
    }
}
