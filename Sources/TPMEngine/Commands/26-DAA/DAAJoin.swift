import TPMCrypto
import TPMWire

extension DAAJoin: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        try execution.takeDAAStage(request, last: 24) { stage throws(TPMResult) in try stage.join() }
    }
}

/// The stages of TPM_DAA_Join (Part 3, 26.1), by their numbers.
extension DAAStage {
    /// Takes the stage and returns outputData.
    fileprivate mutating func join() throws(TPMResult) -> [UInt8] {
        // 0.c. to 0.g. were done with the session's opening.
        if number > 0 {
            // a. to c. Stage 1 comes first after the issuer's settings were set to zero.
            try checkStage()
            if number > 2 { try checkIssuer() }
            try checkContext(try joinDigest())
        }
        let output = try takeJoinStage()
        // The digest covers what the stages 0 to 3, 22 and 23 changed; the others leave it as it was.
        daa.session.digestContext = try joinDigest()
        return output
    }

    private func joinDigest() throws(TPMResult) -> Digest {
        SHA1.hash(
            try daa.tpmSpecific.encodedSecret(reserving: 128), try daa.joinSession.encodedSecret(reserving: 512))
    }

    private mutating func takeJoinStage() throws(TPMResult) -> [UInt8] {
        switch number {
        case 0: return try beginJoin()
        case 1: return try loadIssuerKey()
        case 2: return try loadIssuerSettings()
        case 3: return try chooseSecrets()
        // U = R0^f0 · R1^f1 · S0^u0 · S1^u1 mod n.
        case 4: return try raise(\.digestR0, to: try f0(), isFirst: true)
        case 5: return try raise(\.digestR1, to: try f1())
        case 6: return try raise(\.digestS0, to: SecretNumber(daa.joinSession.u0))
        case 7: return try finishU()
        case 8: return try answerEndorsementNonce()
        // The commitment to what U was made of.
        case 9:
            daa.session.contextSeed = try execution.randomSecret()
            return try raise(\.digestR0, to: try r(.r0), isFirst: true)
        case 10: return try raise(\.digestR1, to: try r(.r1))
        case 11: return try raise(\.digestS0, to: try r(.r2))
        case 12:
            _ = try raise(\.digestS1, to: try r(.r3))
            return takeScratch()
        case 13: return try loadW()
        case 14: return try raiseW(to: try f())
        case 15: return try commitW()
        case 16: return try challenge()
        // The responses.
        case 17: return try s0()
        case 18: return try s1()
        case 19: return try s2(of: daa.joinSession.u0)
        case 20:
            // e. to g.
            try keepCarry(of: daa.joinSession.u0)
            // h.
            return advance(daa.session.digest.bytes)
        // e. s3 = r3 + c · u1 + s12.
        case 21: return try s3(of: daa.joinSession.u1, .r3)
        case 22: return try makeV0()
        case 23: return try makeV1()
        case 24:
            // d.
            let specific = try daa.tpmSpecific.encodedSecret(reserving: 128)
            let blob = try execution.wrapDAA(specific, as: .daaTPM)
            // e.
            isOver = true
            return blob
        // 30.
        default: throw .daaStage
        }
    }

    // MARK: Stages 0 to 3: the issuer

    private mutating func beginJoin() throws(TPMResult) -> [UInt8] {
        // h. to j.
        daa.tpmSpecific.count = try count()
        guard daa.tpmSpecific.count > 0 else { throw .daaInputData0 }
        // l. to n.
        return advance(execution.uint32(daa.handle))
    }

    /// DAA_count as it came in.
    private func count() throws(TPMResult) -> UInt32 {
        guard input0.count == 4 else { throw .daaInputData0 }
        return input0.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// One key of the chain that leads from the issuer's first key to its present one.
    private mutating func loadIssuerKey() throws(TPMResult) -> [UInt8] {
        // c.
        guard input0.count == DAASize.issuerModulus else { throw .daaInputData0 }
        // d. The scratchpad is NULL before the first key, and so is the digest of n0.
        if daa.joinSession.digestN0.isZero {
            daa.joinSession.digestN0 = SHA1.hash(input0)
            daa.tpmSpecific.rekey = Secret(
                SHA1.hash(try execution.daaSecrets().tpmDAASeed, daa.joinSession.digestN0))
        } else {
            // e.
            try checkSignature(over: SHA1.hash(input0))
        }
        daa.session.scratch = Secret(input0)
        // f. and g. The stage lasts until the count is zero.
        guard daa.tpmSpecific.count > 0 else { throw .daaStage }
        daa.tpmSpecific.count -= 1
        if daa.tpmSpecific.count == 0 { daa.session.stage += 1 }
        return []
    }

    private mutating func loadIssuerSettings() throws(TPMResult) -> [UInt8] {
        // c. and d.
        daa.issuerSettings = try issuerSettings()
        // e. to h.
        try checkSignature(over: SHA1.hash(daa.joinSession.digestN0, input0))
        // i.
        daa.tpmSpecific.digestIssuer = SHA1.hash(input0)
        // k. and l.
        clearScratch()
        return advance()
    }

    /// That inputData1 is the signature of the key in the scratchpad (1.e.ii to iv and 2.e to h).
    private func checkSignature(over digest: Digest) throws(TPMResult) {
        guard input1.count == DAASize.issuerModulus else { throw .daaInputData1 }
        guard let key = try? RSAPublicKey(modulus: daa.session.scratch.bytes, exponent: 65537),
            key.verifyPKCS1(digestInfo: DigestInfo.sha1(digest), signature: input1)
        else { throw .daaIssuerValidity }
    }

    private mutating func chooseSecrets() throws(TPMResult) -> [UInt8] {
        // d. and e.
        daa.tpmSpecific.count = try count()
        // f. and g.
        daa.joinSession.u0 = try execution.randomSecret(DAASize.u0)
        daa.joinSession.u1 = try execution.randomSecret(DAASize.u1)
        return advance()
    }

    // MARK: Stages 7 and 8: what the issuer knows the TPM by

    private mutating func finishU() throws(TPMResult) -> [UInt8] {
        // d. to l.
        _ = try raise(\.digestS1, to: SecretNumber(daa.joinSession.u1))
        // m.
        daa.session.digest = SHA1.hash(daa.session.scratch, daa.tpmSpecific.count, daa.joinSession.digestN0)
        // n. and o.
        return takeScratch()
    }

    private mutating func answerEndorsementNonce() throws(TPMResult) -> [UInt8] {
        // d.
        guard input0.count == DAASize.ne else { throw .daaInputData0 }
        // e.
        guard let endorsementKey = execution.state.permanent.endorsementKey else { throw .noEndorsement }
        let nonce = try endorsementKey.decrypt(input0)
        // f. and g.
        let output = SHA1.hash(daa.session.digest, nonce)
        daa.session.digest = .zero
        return advance(output.bytes)
    }

    // MARK: Stages 22 and 23: the credential's secret exponent

    private mutating func makeV0() throws(TPMResult) -> [UInt8] {
        // d. and e.
        guard input0.count == DAASize.v0 else { throw .daaInputData0 }
        // f. and h.
        let sum = SecretNumber(input0) + SecretNumber(daa.joinSession.u0)
        let v0 = try bytes(sum.lowest(bits: DAASize.power1), DAASize.v0)
        // g.
        daa.tpmSpecific.digestV0 = SHA1.hash(v0)
        // i. and j.
        daa.session.scratch = try bytes(sum.dropping(bits: DAASize.power1), DAASize.scratch)
        // k.
        return advance(try execution.wrapDAA(v0, as: .daaV0))
    }

    private mutating func makeV1() throws(TPMResult) -> [UInt8] {
        // d. and e.
        guard input0.count == DAASize.v1 else { throw .daaInputData0 }
        // f. An issuer's u3 leaves room for the sum; one that does not is not an issuer's.
        let sum = SecretNumber(input0) + SecretNumber(daa.joinSession.u1) + SecretNumber(daa.session.scratch)
        let v1 = try bytes(sum, DAASize.v1, else: .daaInputData0)
        // g.
        daa.tpmSpecific.digestV1 = SHA1.hash(v1)
        // h.
        let blob = try execution.wrapDAA(v1, as: .daaV1)
        // i. and j.
        clearScratch()
        return advance(blob)
    }
}
