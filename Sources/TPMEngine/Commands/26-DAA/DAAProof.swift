import TPMCrypto
import TPMWire

/// The arithmetic of the proof that a join and a sign have in common: a commitment, a challenge, the responses.
extension DAAStage {
    /// The random numbers of the commitment, each grown from DAA_contextSeed when it is needed.
    enum Commitment: String {
        case r0, r1, r2, r3, r4

        var byteCount: Int {
            switch self {
            case .r0: DAASize.r0
            case .r1: DAASize.r1
            case .r2: DAASize.r2
            case .r3: DAASize.r3
            case .r4: DAASize.r4
            }
        }
    }

    /// MGF1 of the number's name in two bytes and DAA_contextSeed.
    func r(_ commitment: Commitment) throws(TPMResult) -> SecretNumber {
        let name = Array(commitment.rawValue.utf8)
        let seed = Secret(count: name.count + Digest.byteCount) { target in
            target.copyBytes(from: name)
            daa.session.contextSeed.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: target[name.count...]).copyBytes(
                    from: bytes.prefix(Digest.byteCount))
            }
        }
        do {
            return SecretNumber(try MGF1.generateSecret(seed: seed, count: commitment.byteCount))
        } catch {
            throw .fail
        }
    }

    // MARK: f

    /// f = SHA-1(rekey || count || 0) || SHA-1(rekey || count || 1) mod q, the number that the issuer signs blindly.
    func f() throws(TPMResult) -> SecretNumber {
        let (rekey, count) = (daa.tpmSpecific.rekey, daa.tpmSpecific.count)
        let number = Secret(count: 2 * Digest.byteCount) { target in
            for (offset, half) in [(0, UInt8(0)), (Digest.byteCount, 1)] {
                SHA1.hash(rekey, count, half).withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyBytes(from: $0)
                }
            }
        }
        return try reduced(SecretNumber(number))
    }

    /// The lowest DAA_power0 bits of f.
    func f0() throws(TPMResult) -> SecretNumber { try f().lowest(bits: DAASize.power0) }

    /// f without its lowest DAA_power0 bits.
    func f1() throws(TPMResult) -> SecretNumber { try f().dropping(bits: DAASize.power0) }

    /// The number modulo DAA_generic_q.
    private func reduced(_ number: SecretNumber) throws(TPMResult) -> SecretNumber {
        do { return try number.remainder(SecretNumber(daa.issuerSettings.genericQ)) } catch { throw .daaInputData0 }
    }

    // MARK: Powers

    /// DAA_scratch = Z · X^Y mod n, for the generator X in inputData0 and n in inputData1 (d. to l.). Z is the
    /// scratchpad, but for the first factor, where it is 1.
    mutating func raise(
        _ generator: KeyPath<DAAIssuer, Digest>, to exponent: SecretNumber, isFirst: Bool = false
    ) throws(TPMResult) -> [UInt8] {
        guard input0.count <= DAASize.issuerModulus,
            SHA1.hash(input0) == daa.issuerSettings[keyPath: generator]
        else { throw .daaInputData0 }
        let n = try modulus(input1, \.digestN, else: .daaInputData1)
        let power = n.power(SecretNumber(input0), exponent)
        let product = isFirst ? power : n.product(SecretNumber(daa.session.scratch), power)
        daa.session.scratch = try bytes(product, DAASize.scratch)
        return advance()
    }

    /// A public modulus that the issuer's settings have a digest of. A number that can be none is refused as another
    /// number is: one that is even, below 3, or longer than what the specification has room for.
    private func modulus(
        _ input: [UInt8], _ digest: KeyPath<DAAIssuer, Digest>, else code: TPMResult
    ) throws(TPMResult) -> OddModulus {
        guard input.count <= DAASize.issuerModulus, SHA1.hash(input) == daa.issuerSettings[keyPath: digest] else {
            throw code
        }
        do { return try OddModulus(input, maximumCount: DAASize.issuerModulus) } catch { throw code }
    }

    private func gamma() throws(TPMResult) -> OddModulus {
        try modulus(input0, \.digestGamma, else: .daaInputData0)
    }

    /// w, the base of the pseudonym, which has to be of the group of order q (join 13, sign 6).
    mutating func loadW() throws(TPMResult) -> [UInt8] {
        // d. and e.
        let gamma = try gamma()
        // f. and g.
        guard input1.count == DAASize.w else { throw .daaInputData1 }
        // h. and i.
        let w = SecretNumber(input1)
        guard gamma.power(w, SecretNumber(daa.issuerSettings.genericQ)).isOne else { throw .daaWrongW }
        // j.
        daa.session.scratch = Secret(input1)
        return advance()
    }

    /// w ^ exponent mod gamma (join 14, sign 7).
    mutating func raiseW(to exponent: SecretNumber) throws(TPMResult) -> [UInt8] {
        let power = try gamma().power(SecretNumber(daa.session.scratch), exponent)
        return advance(try bytes(power, DAASize.w).bytes)
    }

    /// E1 = w ^ (r0 + 2^power0 · r1 mod q) mod gamma (join 15, sign 8).
    mutating func commitW() throws(TPMResult) -> [UInt8] {
        let high: SecretNumber
        do { high = try r(.r1).shifted(bits: DAASize.power0) } catch { throw .fail }
        let output = try raiseW(to: try reduced(try r(.r0) + high))
        // j.
        clearScratch()
        return output
    }

    // MARK: Challenge and responses

    /// The TPM's part of the challenge (join 16, sign 9).
    mutating func challenge() throws(TPMResult) -> [UInt8] {
        // d. and e.
        guard let digest = Digest(input0) else { throw .daaInputData0 }
        // f.
        let nt = try execution.randomBytes(DAASize.nt)
        // g. and h.
        daa.session.digest = SHA1.hash(digest, nt)
        return advance(nt)
    }

    /// r + c · x over the integers, where c is the challenge.
    private func response(_ commitment: Commitment, _ x: SecretNumber) throws(TPMResult) -> SecretNumber {
        try r(commitment) + SecretNumber(daa.session.digest) * x
    }

    /// s0 = r0 + c · f0: one byte more than r0, for the carry.
    mutating func s0() throws(TPMResult) -> [UInt8] {
        advance(try bytes(try response(.r0, try f0()), DAASize.r0 + 1).bytes)
    }

    /// s1 = r1 + c · f1: one byte more than r1, for the carry.
    mutating func s1() throws(TPMResult) -> [UInt8] {
        advance(try bytes(try response(.r1, try f1()), DAASize.r1 + 1).bytes)
    }

    /// s2 = r2 + c · v mod 2^power1, for the lower part v of the secret exponent.
    mutating func s2(of v: Secret) throws(TPMResult) -> [UInt8] {
        let sum = try response(.r2, SecretNumber(v))
        return advance(try bytes(sum.lowest(bits: DAASize.power1), DAASize.v0).bytes)
    }

    /// DAA_scratch = s12, what s2 left out.
    mutating func keepCarry(of v: Secret) throws(TPMResult) {
        let sum = try response(.r2, SecretNumber(v))
        daa.session.scratch = try bytes(sum.dropping(bits: DAASize.power1), DAASize.scratch)
    }

    /// s3 = r + c · v + s12, for the upper part v of the secret exponent: one byte more than r, for the carry.
    mutating func s3(of v: Secret, _ commitment: Commitment) throws(TPMResult) -> [UInt8] {
        let sum = try response(commitment, SecretNumber(v)) + SecretNumber(daa.session.scratch)
        let output = try bytes(sum, commitment.byteCount + 1).bytes
        clearScratch()
        return advance(output)
    }
}
