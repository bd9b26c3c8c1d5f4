import TPMCrypto
import TPMWire

/// What an issuer of direct anonymous attestation publishes (Part 2, 22.3): numbers, big endian, of at most 256 bytes.
public struct DAAParameters: Sendable, Equatable {
    public var r0: [UInt8]
    public var r1: [UInt8]
    public var s0: [UInt8]
    /// S0 to the power of 2^1024.
    public var s1: [UInt8]
    /// The modulus of these four.
    public var n: [UInt8]
    /// The modulus of pseudonyms.
    public var gamma: [UInt8]
    /// The order of the group of pseudonyms, 26 bytes.
    public var q: [UInt8]

    public init(
        r0: [UInt8], r1: [UInt8], s0: [UInt8], s1: [UInt8], n: [UInt8], gamma: [UInt8], q: [UInt8]
    ) {
        self.r0 = r0
        self.r1 = r1
        self.s0 = s0
        self.s1 = s1
        self.n = n
        self.gamma = gamma
        self.q = q
    }

    /// The digests that the TPM holds the numbers against.
    public var settings: DAAIssuer {
        var issuer = DAAIssuer()
        issuer.digestR0 = SHA1.hash(r0)
        issuer.digestR1 = SHA1.hash(r1)
        issuer.digestS0 = SHA1.hash(s0)
        issuer.digestS1 = SHA1.hash(s1)
        issuer.digestN = SHA1.hash(n)
        issuer.digestGamma = SHA1.hash(gamma)
        issuer.genericQ = q
        return issuer
    }

    /// What the issuer signs with the last key of its chain, whose first key is `n0` (Part 3, 26.1 stage 2).
    public func signedData(firstKey n0: [UInt8]) throws -> [UInt8] {
        SHA1.hash(n0).bytes + (try settings.encoded())
    }
}

/// A key of the issuer, 256 bytes, with the signature of the key before it; the first has none.
public struct DAAIssuerKey: Sendable, Equatable {
    public var modulus: [UInt8]
    public var signature: [UInt8]

    public init(modulus: [UInt8], signature: [UInt8] = []) {
        self.modulus = modulus
        self.signature = signature
    }
}

/// w^f and the commitment w^r, both modulo gamma.
public struct DAAPseudonym: Sendable, Equatable {
    public var value: [UInt8]
    public var commitment: [UInt8]

    public init(value: [UInt8], commitment: [UInt8]) {
        self.value = value
        self.commitment = commitment
    }
}

/// The TPM's part of a proof: its nonce, the challenge, and the responses to it.
public struct DAAResponses: Sendable, Equatable {
    public var nt: Digest
    public var c: Digest
    public var s0: [UInt8]
    public var s1: [UInt8]
    /// The response for the secret exponent is s2 + 2^1024 · s3.
    public var s2: [UInt8]
    public var s3: [UInt8]
}

/// What a join leaves with the host: blobs that only this TPM opens, as often as it signs.
public struct DAACredential: Sendable, Equatable {
    public var tpmSpecific: [UInt8]
    public var v0: [UInt8]
    public var v1: [UInt8]

    public init(tpmSpecific: [UInt8], v0: [UInt8], v1: [UInt8]) {
        self.tpmSpecific = tpmSpecific
        self.v0 = v0
        self.v1 = v1
    }
}

/// The stages of a join or a sign, one after another, each authorized by the owner.
final class DAAStages<C: Command> where C.Request == DAAJoin.Request, C.Response == DAAJoin.Response {
    private let tpm: TPMClient
    private let owner: Secret
    let parameters: DAAParameters
    private(set) var handle: UInt32 = 0
    private var stage: UInt8 = 0

    /// Takes stage 0, which opens the session.
    init(_ tpm: TPMClient, _ parameters: DAAParameters, owner: Secret, opening: [UInt8]) throws {
        self.tpm = tpm
        self.owner = owner
        self.parameters = parameters
        let opened = try next(opening)
        guard opened.count == 4 else { throw ClientError.badResponse(C.ordinal) }
        handle = opened.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Takes the next stage.
    @discardableResult
    func next(_ input0: [UInt8] = [], _ input1: [UInt8] = []) throws -> [UInt8] {
        let output = try take(stage, input0, input1)
        stage += 1
        return output
    }

    /// Takes the stage that is due and may be due again.
    func again(_ input0: [UInt8], _ input1: [UInt8]) throws { _ = try take(stage, input0, input1) }

    /// Takes the next stage, whose output is a digest.
    func nextDigest(_ input0: [UInt8] = [], _ input1: [UInt8] = []) throws -> Digest {
        guard let digest = Digest(try next(input0, input1)) else { throw ClientError.badResponse(C.ordinal) }
        return digest
    }

    /// The four stages that end with R0^x · R1^y · S0^z · S1^t mod n.
    func product() throws -> [UInt8] {
        try next(parameters.r0, parameters.n)
        try next(parameters.r1, parameters.n)
        try next(parameters.s0, parameters.n)
        return try next(parameters.s1, parameters.n)
    }

    /// The three stages that end with a pseudonym to the base w.
    func pseudonym(_ w: [UInt8]) throws -> DAAPseudonym {
        try next(parameters.gamma, w)
        return DAAPseudonym(value: try next(parameters.gamma), commitment: try next(parameters.gamma))
    }

    func flush() throws {
        try tpm.execute(FlushSpecific.self, .init(handle: handle, resourceType: .daaTPM))
    }

    private func take(_ stage: UInt8, _ input0: [UInt8], _ input1: [UInt8]) throws -> [UInt8] {
        try tpm.execute(
            C.self, .init(handle: handle, stage: stage, inputData0: input0, inputData1: input1), authorizedBy: owner
        ).outputData
    }
}
