import TPMCrypto
import TPMWire

extension DAASign: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        try execution.takeDAAStage(request, last: 15) { stage throws(TPMResult) in try stage.sign() }
    }
}

/// The stages of TPM_DAA_Sign (Part 3, 26.2), by their numbers.
extension DAAStage {
    /// Takes the stage and returns outputData.
    fileprivate mutating func sign() throws(TPMResult) -> [UInt8] {
        if number > 0 { try checkStage() }
        if number > 1 {
            // b. and c.
            try checkIssuer()
            try checkContext(try signDigest())
        }
        return try takeSignStage()
    }

    private func signDigest() throws(TPMResult) -> Digest {
        SHA1.hash(try daa.tpmSpecific.encodedSecret(reserving: 128))
    }

    private mutating func takeSignStage() throws(TPMResult) -> [UInt8] {
        switch number {
        case 0:
            // c. and d.
            daa.issuerSettings = try issuerSettings()
            // g. and h.
            return advance(execution.uint32(daa.handle))
        case 1: return try loadTPMSpecific()
        // T = R0^r0 · R1^r1 · S0^r2 · S1^r4 mod n.
        case 2:
            daa.session.contextSeed = try execution.randomSecret()
            return try raise(\.digestR0, to: try r(.r0), isFirst: true)
        case 3: return try raise(\.digestR1, to: try r(.r1))
        case 4: return try raise(\.digestS0, to: try r(.r2))
        case 5:
            _ = try raise(\.digestS1, to: try r(.r4))
            return takeScratch()
        case 6: return try loadW()
        case 7: return try raiseW(to: try f())
        case 8: return try commitW()
        case 9: return try challenge()
        case 10: return try selectMessage()
        // The responses.
        case 11: return try s0()
        case 12: return try s1()
        case 13: return try s2(of: try privateValue(.daaV0, \.digestV0))
        case 14:
            // f. to i.
            try keepCarry(of: try privateValue(.daaV0, \.digestV0))
            return advance()
        case 15:
            // f. to i. s3 = r4 + c · v1 + s12.
            let output = try s3(of: try privateValue(.daaV1, \.digestV1), .r4)
            // j.
            isOver = true
            return output
        // 20.
        default: throw .daaStage
        }
    }

    private mutating func loadTPMSpecific() throws(TPMResult) -> [UInt8] {
        // b.
        let specific = try execution.unwrapDAA(input0, as: .daaTPM)
        daa.tpmSpecific = try WireDecoder.decode(DAATPM.self, from: specific, short: .daaInputData0)
        // c.
        try checkIssuer()
        // d. to f.
        daa.session.digestContext = try signDigest()
        return advance()
    }

    /// What is signed: the digest of a message, or an identity key of this TPM.
    private mutating func selectMessage() throws(TPMResult) -> [UInt8] {
        // d. and e.
        guard input0.count == 1, let selector = input0.first else { throw .daaInputData0 }
        switch selector {
        case 1:
            // f. and g.
            guard input1.count == Digest.byteCount else { throw .daaInputData1 }
            daa.session.digest = SHA1.hash(daa.session.digest, selector, input1)
        case 0:
            // h. and i.
            guard input1.count == 4 else { throw .daaInputData1 }
            let handle = KeyHandle(rawValue: input1.reduce(0) { $0 << 8 | UInt32($1) })
            guard let key = execution.state.keys[handle]?.key, key.keyUsage == .identity else { throw .daaInputData1 }
            daa.session.digest = SHA1.hash(daa.session.digest, selector, key.pubKey.key)
        default:
            throw .daaInputData0
        }
        // j.
        return advance(daa.session.digest.bytes)
    }

    /// DAA_private_v0 or DAA_private_v1: what a join wrapped, and that one (13.d and e, 14.d and e, 15.d and e).
    private func privateValue(
        _ type: ResourceType, _ digest: KeyPath<DAATPM, Digest>
    ) throws(TPMResult) -> Secret {
        let value = try execution.unwrapDAA(input0, as: type)
        guard constantTimeEqual(SHA1.hash(value), daa.tpmSpecific[keyPath: digest]) else { throw .daaInputData0 }
        return value
    }
}
