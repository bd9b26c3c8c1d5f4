import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_DAA_Join and TPM_DAA_Sign (Part 3, 26) against an issuer and a verifier that compute for themselves.
@Suite struct DAATests {
    private let verifier = Digest(repeating: 0x76)
    private let message = Digest(repeating: 0x6d)

    /// A TPM that has joined, and the platform that keeps what it got.
    private static let joined = Result {
        let tpm = OwnedTPM()
        let platform = try DAAPlatform.join(tpm, try DAAIssuerParty()).platform
        return (state: tpm.tpm.state, platform: platform)
    }

    private func joined() throws -> (OwnedTPM, DAAPlatform) {
        let (state, platform) = try Self.joined.get()
        let tpm = OwnedTPM(seed: "signing")
        tpm.tpm.state = state
        return (tpm, platform)
    }

    @Test func theIssuerAcceptsTheProofOfAJoinAndNoOther() throws {
        let tpm = OwnedTPM()
        let issuer = try DAAIssuerParty()
        let join = try DAAPlatform.join(tpm, issuer, count: 7)
        #expect(issuer.accepts(join.request))
        // U came from the TPM that the endorsement key is in (stages 7 and 8).
        let named = SHA1.hash(join.u, UInt32(7), SHA1.hash(issuer.firstKey))
        #expect(join.proof == SHA1.hash(named, DAAPlatform.endorsementNonce))
        #expect(tpm.tpm.state.any.daaSessions.sessions.isEmpty)
        for change: (inout DAAIssuerParty.JoinRequest) -> Void in [
            { $0.u[255] ^= 1 }, { $0.nonce = .zero }, { $0.base = $0.base * $0.base % DAAIssuerParty.gamma },
            { $0.responses.s0[43] ^= 1 }, { $0.responses.s1[43] ^= 1 }, { $0.responses.s2[127] ^= 1 },
            { $0.responses.s3[168] ^= 1 }, { $0.responses.nt = .zero }, { $0.responses.c = .zero },
        ] {
            var wrong = join.request
            change(&wrong)
            #expect(!issuer.accepts(wrong))
        }
    }

    @Test func theOutputsHaveTheSizesThatTheirFactorsGive() throws {
        let answer = try DAAPlatform.join(OwnedTPM(), try DAAIssuerParty()).request.responses
        #expect([answer.s0, answer.s1, answer.s2, answer.s3].map(\.count) == [44, 44, 128, 169])
        let (tpm, platform) = try joined()
        let signing = try tpm.client.signDAA(
            with: platform.credential, parameters: platform.issuer.parameters, owner: tpm.ownerAuth)
        #expect(try signing.commit().count == 256)
        // The pseudonym to a base of one is one.
        let one = [UInt8](repeating: 0, count: 255) + [1]
        let pseudonym = try signing.pseudonym(base: one)
        #expect(pseudonym.value == one && pseudonym.commitment == one)
        let signed = try signing.sign(.digest(message), challenge: .zero)
        #expect([signed.s0, signed.s1, signed.s2, signed.s3].map(\.count) == [44, 44, 128, 220])
    }

    @Test func thePseudonymIsWhatTheSeedTheFirstKeyAndTheCountMakeIt() throws {
        let tpm = OwnedTPM()
        let first = try DAAPlatform.join(tpm, try DAAIssuerParty(), count: 1)
        let seed = try #require(tpm.tpm.state.permanent.daa?.tpmDAASeed)
        let rekey = SHA1.hash(seed, SHA1.hash(first.platform.issuer.firstKey))
        let halves = SHA1.hash(rekey, UInt32(1), UInt8(0)).bytes + SHA1.hash(rekey, UInt32(1), UInt8(1)).bytes
        let f = Number(halves) % DAAIssuerParty.rho
        let name = first.request.base.power(f, DAAIssuerParty.gamma)
        #expect(Number(first.request.pseudonym.value) == name)
        // Whatever the issuer's present key is, it is the same; for another count it is not.
        let again = try DAAPlatform.join(tpm, try DAAIssuerParty(keys: 3), count: 1)
        #expect(again.platform.issuer.accepts(again.request))
        #expect(Number(again.request.pseudonym.value) == name)
        #expect(again.u != first.u)
        let other = try DAAPlatform.join(tpm, try DAAIssuerParty(), count: 2)
        #expect(Number(other.request.pseudonym.value) != name)
    }

    @Test func aSignatureOverADigestVerifies() throws {
        let (tpm, platform) = try joined()
        let base = try DAAIssuerParty.base("a verifier")
        let signature = try platform.sign(.digest(message), for: verifier, base: base, on: tpm)
        let issuer = platform.issuer
        #expect(issuer.verifies(signature, selector: 1, message.bytes, for: verifier))
        #expect(!issuer.verifies(signature, selector: 0, message.bytes, for: verifier))
        #expect(!issuer.verifies(signature, selector: 1, verifier.bytes, for: verifier))
        #expect(!issuer.verifies(signature, selector: 1, message.bytes, for: message))
        for change: (inout DAAPlatform.Signature) -> Void in [
            { $0.sf0 = $0.sf0 + Number(1) }, { $0.sf1 = $0.sf1 + Number(1) }, { $0.sv = $0.sv + Number(1) },
            { $0.t1 = $0.t1 + Number(1) }, { $0.nt = .zero },
            { $0.pseudonym = $0.pseudonym * $0.base % DAAIssuerParty.gamma },
        ] {
            var wrong = signature
            change(&wrong)
            #expect(!issuer.verifies(wrong, selector: 1, message.bytes, for: verifier))
        }
        #expect(tpm.tpm.state.any.daaSessions.sessions.isEmpty)
    }

    @Test func aSignatureOverAnIdentityKeyVerifies() throws {
        let (tpm, platform) = try joined()
        let identity = try tpm.identityKey()
        let modulus = try #require(tpm.tpm.state.keys[identity]?.key.pubKey.key)
        let base = try DAAIssuerParty.base("a verifier")
        let signature = try platform.sign(.identityKey(identity), for: verifier, base: base, on: tpm)
        #expect(platform.issuer.verifies(signature, selector: 0, modulus, for: verifier))
        #expect(!platform.issuer.verifies(signature, selector: 1, modulus, for: verifier))
    }

    @Test func twoSignaturesAreLinkedByTheirBaseAlone() throws {
        let (tpm, platform) = try joined()
        let bases = [try DAAIssuerParty.base("one"), try DAAIssuerParty.base("one"), try DAAIssuerParty.base("two")]
        let signatures = try bases.map {
            try platform.sign(.digest(message), for: verifier, base: $0, on: tpm)
        }
        #expect(signatures[0].pseudonym == signatures[1].pseudonym)
        #expect(signatures[0].pseudonym != signatures[2].pseudonym)
        #expect(signatures[0].sv != signatures[1].sv && signatures[0].nt != signatures[1].nt)
    }

    @Test func aCredentialOutlivesPowerAndTheState() throws {
        let (tpm, platform) = try joined()
        tpm.tpm.state = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        try tpm.restart()
        let signature = try platform.sign(
            .digest(message), for: verifier, base: try DAAIssuerParty.base("x"), on: tpm)
        #expect(platform.issuer.verifies(signature, selector: 1, message.bytes, for: verifier))
    }

    @Test func aSessionInTheMiddleOfASignatureMayLeaveTheTPMAndComeBack() throws {
        let (tpm, platform) = try joined()
        var swaps = 0
        let swapping = TPMClient(
            InProcessTransport { command in
                let response = tpm.tpm.execute(command).response
                for session in tpm.tpm.state.any.daaSessions.sessions {
                    guard let blob = try? tpm.save(session.handle, .daaTPM) else { continue }
                    if (try? tpm.load(blob, keepHandle: true)) == session.handle { swaps += 1 }
                }
                return response
            }, random: SeededRandom(seed: Array("swapping".utf8)))
        let signature = try platform.sign(
            .digest(message), for: verifier, base: try DAAIssuerParty.base("x"), on: tpm, through: swapping)
        #expect(platform.issuer.verifies(signature, selector: 1, message.bytes, for: verifier))
        #expect(swaps > 15)
        #expect(tpm.tpm.state.any.contexts.outstanding.isEmpty)
    }

    @Test func aSignatureGoesThroughATransportSessionToo() throws {
        let (tpm, platform) = try joined()
        // Part 3, 24.2: the handle is not among what is encrypted and logged, but the one that stage 0 gives is.
        let transport = try tpm.client.openTransport(
            encryption: .mgf1, log: true,
            key: TransportKey(.srk, publicKey: try tpm.publicKey(.srk), auth: tpm.srkAuth))
        let client = tpm.client.through(transport)
        let signature = try platform.sign(
            .digest(message), for: verifier, base: try DAAIssuerParty.base("x"), on: tpm, through: client)
        #expect(platform.issuer.verifies(signature, selector: 1, message.bytes, for: verifier))
        // A wrapped stage that fails ends its session as any other does.
        let signing = try client.signDAA(
            with: platform.credential, parameters: platform.issuer.parameters, owner: tpm.ownerAuth)
        #expect(tpm.daaHandles == [signing.handle])
        #expect(tpm.result { _ = try signing.pseudonym(base: []) } == .daaInputData0)
        #expect(tpm.daaHandles.isEmpty && transport.isOpen)
    }
}
