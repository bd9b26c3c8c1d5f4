import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

extension OwnedTPM {
    /// A loaded identity key of this TPM.
    func identityKey() throws -> KeyHandle {
        let pair = try TestKeyPairs(startingAt: 5).keyPair(bits: 2048, exponent: 65537)
        let proof = try #require(tpm.state.permanent.blobSecrets?.tpmProof)
        return try load(
            try wrapped(
                OwnedTPM.template(.identity), modulus: pair.modulus, prime: pair.p.bytes, migrationAuth: proof))
    }

    /// One stage, authorized by the owner.
    func stage<C: Command>(
        _ command: C.Type, _ request: DAAJoin.Request
    ) -> Result<[UInt8], TPMResult> where C.Request == DAAJoin.Request, C.Response == DAAJoin.Response {
        do {
            return .success(
                try client.execute(command, request, try ownerSession(continues: false)).outputData)
        } catch {
            return .failure((error as? ClientError)?.result ?? .fail)
        }
    }

    var daaHandles: [UInt32] { tpm.state.any.daaSessions.sessions.map(\.handle) }
}

/// A join or a sign that goes well, stopped before each of its stages.
struct DAAScript<C: Command> where C.Request == DAAJoin.Request, C.Response == DAAJoin.Response {
    /// The state of the TPM before a stage, and the operands that it succeeds with.
    private(set) var steps: [(state: TPMState, request: DAAJoin.Request)] = []
    private(set) var outputs: [[UInt8]] = []

    /// Runs the stages from 0 on with these inputs.
    fileprivate init(_ command: C.Type, on tpm: OwnedTPM, _ inputs: [([UInt8], [UInt8])]) throws {
        var handle: UInt32 = 0
        for (stage, input) in inputs.enumerated() {
            let request = DAAJoin.Request(
                handle: handle, stage: UInt8(stage), inputData0: input.0, inputData1: input.1)
            steps.append((tpm.tpm.state, request))
            outputs.append(try tpm.stage(command, request).get())
            if stage == 0 { handle = try #require(tpm.daaHandles.last) }
        }
    }

    /// A TPM before a stage, and what it waits for.
    func before(_ stage: Int) -> (tpm: OwnedTPM, request: DAAJoin.Request) {
        let tpm = OwnedTPM(seed: "before stage \(stage)")
        tpm.tpm.state = steps[stage].state
        return (tpm, steps[stage].request)
    }
}

extension DAAScript where C == DAAJoin {
    static let join = Result {
        let tpm = OwnedTPM()
        let issuer = try DAAIssuerParty()
        let numbers = issuer.parameters
        let product = [numbers.r0, numbers.r1, numbers.s0, numbers.s1].map { ($0, numbers.n) }
        let none: ([UInt8], [UInt8]) = ([], [])
        let w = try DAAIssuerParty.base("w").bytes(256)
        let encrypted = try tpm.encryptedForEK(Secret(DAAPlatform.endorsementNonce))
        let opening: [([UInt8], [UInt8])] = [
            ([0, 0, 0, 1], []), (issuer.firstKey, []),
            (try numbers.settings.encoded(), try issuer.signature()), ([0, 0, 0, 9], []),
        ]
        let proof: [([UInt8], [UInt8])] = [
            (numbers.gamma, w), (numbers.gamma, []), (numbers.gamma, []), ([UInt8](repeating: 1, count: 20), []),
        ]
        let ending: [([UInt8], [UInt8])] = [
            ([UInt8](repeating: 2, count: 128), []), ([UInt8](repeating: 3, count: 192), []), none,
        ]
        return try DAAScript(
            DAAJoin.self, on: tpm,
            opening + product + [(encrypted, [])] + product + proof + [none, none, none, none, none] + ending)
    }
}

extension DAAScript where C == DAASign {
    static let sign = Result {
        let join = try DAAScript<DAAJoin>.join.get()
        let tpm = join.before(24).tpm
        _ = try tpm.stage(DAAJoin.self, join.steps[24].request).get()
        let numbers = try DAAIssuerParty().parameters
        let product = [numbers.r0, numbers.r1, numbers.s0, numbers.s1].map { ($0, numbers.n) }
        let none: ([UInt8], [UInt8]) = ([], [])
        let w = try DAAIssuerParty.base("w").bytes(256)
        let opening: [([UInt8], [UInt8])] = [(try numbers.settings.encoded(), []), (join.outputs[24], [])]
        let proof: [([UInt8], [UInt8])] = [
            (numbers.gamma, w), (numbers.gamma, []), (numbers.gamma, []), ([UInt8](repeating: 1, count: 20), []),
            ([1], [UInt8](repeating: 4, count: 20)), none, none, (join.outputs[22], []), (join.outputs[22], []),
            (join.outputs[23], []),
        ]
        return try DAAScript(DAASign.self, on: tpm, opening + product + proof)
    }
}
