import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// TPM_CMK_SetRestrictions, TPM_CMK_ApproveMA and TPM_CMK_CreateTicket (Part 3, 11.5, 11.6 and 11.8).
@Suite struct CMKTicketTests {
    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let authority = try MigrationAuthority()
        try check(CMKSetRestrictions.self, .init(restriction: .bind), on: tpm, try tpm.ownerSession())
        try check(
            CMKApproveMA.self, .init(migrationAuthorityDigest: Digest(repeating: 1)), on: tpm, try tpm.ownerSession())
        let digest = Digest(repeating: 2)
        try check(
            CMKCreateTicket.self,
            .init(
                verificationKey: authority.signingKey, signedData: digest, signatureValue: try authority.sign(digest)),
            on: tpm, try tpm.ownerSession())
    }

    @Test func restrictionsAreKeptUntilTheOwnerGoes() throws {
        let tpm = OwnedTPM()
        #expect(tpm.number(.cmkRestriction) == 0)
        try tpm.client.execute(
            CMKSetRestrictions.self, .init(restriction: [.signing, .legacy]), authorizedBy: tpm.ownerAuth)
        #expect(tpm.number(.cmkRestriction) == 0x9000_0000)
        try tpm.restart()
        #expect(tpm.number(.cmkRestriction) == 0x9000_0000)
        let stored = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        #expect(stored.permanent.restrictDelegate == [.signing, .legacy])
        try tpm.changeOwner()
        #expect(tpm.number(.cmkRestriction) == 0)
    }

    @Test func anApprovalIsAnHMACWithTPMProof() throws {
        let tpm = OwnedTPM()
        let authorities = Digest(repeating: 0x42)
        let approval = try tpm.client.execute(
            CMKApproveMA.self, .init(migrationAuthorityDigest: authorities), authorizedBy: tpm.ownerAuth
        ).outData
        #expect(approval == HMAC.authenticate(key: tpm.tpmProof, [0x00, 0x35] + authorities.bytes))
    }

    @Test(arguments: [SigScheme.rsassaPKCS1v15SHA1, .rsassaPKCS1v15INFO])
    func aTicketTellsWhoseSignatureWasRight(_ scheme: SigScheme) throws {
        let tpm = OwnedTPM()
        let authority = try MigrationAuthority()
        var key = authority.signingKey
        key.algorithmParms.sigScheme = scheme
        let digest = Digest(repeating: 9)
        let ticket = try tpm.client.execute(
            CMKCreateTicket.self,
            .init(verificationKey: key, signedData: digest, signatureValue: try authority.sign(digest)),
            authorizedBy: tpm.ownerAuth
        ).sigTicket
        let signed = [0x00, 0x34] + SHA1.hash(try key.encoded()).bytes + digest.bytes
        #expect(ticket == HMAC.authenticate(key: tpm.tpmProof, signed))
    }

    @Test func whatTheAuthorityDidNotSignIsBadSignature() throws {
        let tpm = OwnedTPM()
        let authority = try MigrationAuthority()
        let digest = Digest(repeating: 9)
        let signature = try authority.sign(digest)
        func code(_ signature: [UInt8], _ digest: Digest, by key: Pubkey? = nil) throws -> TPMResult? {
            tpm.code(
                CMKCreateTicket.self,
                .init(verificationKey: key ?? authority.signingKey, signedData: digest, signatureValue: signature),
                try tpm.ownerSession(continues: false))
        }
        #expect(try code(signature, digest) == .success)
        #expect(try code(signature, .zero) == .badSignature)
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(try code(changed, digest) == .badSignature)
        }
        for changed in [[], [0], signature + [0], Array(signature.dropLast()), [UInt8](repeating: 0, count: 128)] {
            #expect(try code(changed, digest) == .badSignature)
        }
        var other = authority.signingKey
        other.pubKey.key = try TestKeyPairs(startingAt: 5).keyPair(bits: 1024, exponent: 65537).modulus
        #expect(try code(signature, digest, by: other) == .badSignature)
    }

    @Test func theKeyOfASignatureSignsDigests() throws {
        let tpm = OwnedTPM()
        let authority = try MigrationAuthority()
        let digest = Digest(repeating: 9)
        func code(_ change: (inout Pubkey) -> Void) throws -> TPMResult? {
            var key = authority.signingKey
            change(&key)
            return tpm.code(
                CMKCreateTicket.self,
                .init(verificationKey: key, signedData: digest, signatureValue: try authority.sign(digest)),
                try tpm.ownerSession(continues: false))
        }
        #expect(try code { $0.algorithmParms.encScheme = .rsaesOAEPSHA1MGF1 } == .inappropriateEnc)
        #expect(try code { $0.algorithmParms.sigScheme = .rsassaPKCS1v15DER } == .inappropriateSig)
        #expect(try code { $0.algorithmParms.sigScheme = .none } == .inappropriateSig)
        #expect(try code { $0.pubKey.key.removeLast() } == .badKeyProperty)
        #expect(try code { $0.pubKey.key = [] } == .badKeyProperty)
        #expect(
            try code {
                $0.algorithmParms = KeyParms(
                    algorithmID: .hmac, encScheme: .none, sigScheme: .rsassaPKCS1v15SHA1, parms: .none)
            } == .badKeyProperty)
    }
}

/// TPM_CMK_CreateKey (Part 3, 11.7).
@Suite struct CMKCreateKeyTests {
    private static let flags: KeyFlags = [.migratable, .migrateAuthority]
    private let authorities = MSAComposite(migAuthDigest: [Digest(repeating: 0x42)])

    private func request(
        _ template: Key, on tpm: OwnedTPM, _ session: Session, parent: KeyHandle = .srk
    ) throws -> CMKCreateKey.Request {
        .init(
            parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth), keyInfo: template,
            migrationAuthorityApproval: try tpm.client.approve(authorities, owner: tpm.ownerAuth),
            migrationAuthorityDigest: SHA1.hash(try authorities.encoded()))
    }

    private func code(_ template: Key, _ scheme: ADIPScheme = .xor, on tpm: OwnedTPM) throws -> TPMResult? {
        let session = try tpm.srkOSAP(scheme, continues: false)
        return tpm.code(CMKCreateKey.self, try request(template, on: tpm, session), session)
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        try check(
            CMKCreateKey.self,
            try request(OwnedTPM.template(.signing, bits: 512, flags: Self.flags), on: tpm, session), on: tpm, session)
    }

    @Test(arguments: [KeyUsage.signing, .storage, .bind, .legacy, .migrate], ADIPScheme.allCases)
    func theKeyIsTiedToItsAuthorities(_ usage: KeyUsage, _ scheme: ADIPScheme) throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP(scheme, continues: true)
        let template = OwnedTPM.template(usage, flags: Self.flags)
        let blob = try tpm.client.execute(
            CMKCreateKey.self, try request(template, on: tpm, session), session
        ).wrappedKey
        #expect(!session.isOpen)
        var expected = template
        expected.pubKey = blob.pubKey
        expected.encData = blob.encData
        #expect(blob == expected)
        let inside = try tpm.opened(blob.encData)
        #expect(inside.payload == .migrateRestricted)
        #expect(inside.usageAuth == OwnedTPM.keyAuth)
        #expect(inside.pubDataDigest == SHA1.hash(try blob.publicPart()))
        let tie =
            [0x00, 0x33] + SHA1.hash(try authorities.encoded()).bytes + SHA1.hash(try blob.pubkey.encoded()).bytes
        #expect(inside.migrationAuth == Secret(HMAC.authenticate(key: tpm.tpmProof, tie)))
        let handle = try tpm.load(blob)
        #expect(tpm.tpm.state.keys[handle]?.payload == .migrateRestricted)
    }

    @Test func theKeySignsAndIsCertifiedWithItsAuthorities() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.client.createCertifiedKey(
            OwnedTPM.template(.signing, bits: 512, flags: Self.flags), authorities: authorities,
            approval: try tpm.client.approve(authorities, owner: tpm.ownerAuth), auth: OwnedTPM.keyAuth,
            parentAuth: tpm.srkAuth)
        #expect(try tpm.works(blob))
        let key = try tpm.load(blob)
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 1024))
        func certify(_ digest: Digest) throws -> CertifyKey2.Response {
            try tpm.client.execute(
                CertifyKey2.self,
                .init(keyHandle: key, certHandle: cert, migrationPubDigest: digest, antiReplay: .zero),
                try tpm.keySession(), try tpm.keySession())
        }
        let digest = SHA1.hash(try authorities.encoded())
        let info = try certify(digest).certifyInfo
        #expect(info.payloadType == .migrateRestricted)
        #expect(info.migrationAuthority == SHA1.hash(digest, UInt8(6)).bytes)
        #expect(tpm.result { _ = try certify(.zero) } == .maSource)
    }

    @Test func thePCRInfoTellsThePCRsAndTheLocalityAtCreation() throws {
        let tpm = OwnedTPM()
        try tpm.extend(0)
        tpm.locality = .two
        var info = tpm.pcrInfoLong(4, localities: [.three])
        info.creationPCRSelection = PCRSelection(indices: [0])
        let session = try tpm.srkOSAP(continues: false)
        let template = OwnedTPM.template(.signing, bits: 512, flags: Self.flags, pcrInfo: .long(info))
        let blob = try tpm.client.execute(
            CMKCreateKey.self, try request(template, on: tpm, session), session
        ).wrappedKey
        info.localityAtCreation = [.two]
        info.digestAtCreation = tpm.composite(0)
        #expect(blob.pcrInfo == .long(info))
    }

    @Test func theFlagsAndTheUsageAreThoseOfACertifiedKey() throws {
        let tpm = OwnedTPM()
        for flags in [[], .migratable, .migrateAuthority] as [KeyFlags] {
            #expect(try code(OwnedTPM.template(.signing, bits: 512, flags: flags), on: tpm) == .invalidKeyUsage)
        }
        for usage in [KeyUsage.identity, .authChange] {
            #expect(try code(OwnedTPM.template(usage, flags: Self.flags), on: tpm) == .invalidKeyUsage)
        }
        #expect(
            try code(OwnedTPM.template(.signing, bits: 512, flags: Self.flags, form: .key11), on: tpm)
                == .invalidStructure)
        for template in [
            OwnedTPM.template(.signing, bits: 768, flags: Self.flags),
            OwnedTPM.template(.storage, bits: 1024, flags: Self.flags),
            OwnedTPM.template(.migrate, bits: 1024, flags: Self.flags),
            OwnedTPM.template(.signing, flags: Self.flags, encScheme: .rsaesOAEPSHA1MGF1),
        ] {
            #expect(try code(template, on: tpm) == .badKeyProperty)
        }
    }

    @Test func noOtherCommandMakesOne() throws {
        let tpm = OwnedTPM()
        #expect(
            tpm.result { _ = try tpm.create(OwnedTPM.template(.signing, bits: 512, flags: Self.flags)) }
                == .invalidKeyUsage)
    }

    @Test func onlyAnApprovalOfThisTPMForTheseAuthoritiesCounts() throws {
        let (tpm, second) = (OwnedTPM(), OwnedTPM.other())
        let template = OwnedTPM.template(.signing, bits: 512, flags: Self.flags)
        func code(_ change: (inout CMKCreateKey.Request) throws -> Void) throws -> TPMResult? {
            let session = try tpm.srkOSAP(continues: false)
            var request = try request(template, on: tpm, session)
            try change(&request)
            return tpm.code(CMKCreateKey.self, request, session)
        }
        #expect(try code { _ in } == .success)
        #expect(try code { $0.migrationAuthorityApproval = .zero } == .maAuthority)
        #expect(try code { $0.migrationAuthorityDigest = .zero } == .maAuthority)
        let foreign = try second.client.approve(authorities, owner: second.ownerAuth)
        #expect(try code { $0.migrationAuthorityApproval = foreign } == .maAuthority)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
    }

    @Test func theParentIsAStorageKeyThatCannotMigrate() throws {
        let tpm = OwnedTPM()
        let template = OwnedTPM.template(.signing, bits: 512, flags: Self.flags)
        for parent in [OwnedTPM.template(.bind), OwnedTPM.template(.storage, flags: .migratable)] {
            let key = try tpm.newKey(parent)
            let session = try tpm.keyOSAP(key)
            let request = try request(template, on: tpm, session, parent: key)
            #expect(tpm.code(CMKCreateKey.self, request, session) == .invalidKeyUsage)
        }
        let parent = try tpm.newKey(OwnedTPM.template(.storage))
        let session = try tpm.keyOSAP(parent)
        let request = try request(template, on: tpm, session, parent: parent)
        #expect(tpm.code(CMKCreateKey.self, request, session) == .success)
    }

    @Test func aSessionWithoutSharedSecretIsBadMode() throws {
        let tpm = OwnedTPM()
        let other = try tpm.srkOSAP()
        let request = try request(OwnedTPM.template(.signing, bits: 512, flags: Self.flags), on: tpm, other)
        #expect(tpm.code(CMKCreateKey.self, request, try tpm.srkSession()) == .badMode)
    }

    @Test func fipsModeForbidsWeakKeys() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.flags.fips = true
        for template in [
            OwnedTPM.template(.signing, bits: 512, flags: Self.flags),
            OwnedTPM.template(.signing, flags: Self.flags, authDataUsage: .never),
            OwnedTPM.template(.legacy, flags: Self.flags),
        ] {
            #expect(try code(template, .aes128CTR, on: tpm) == .notFIPS)
        }
    }
}
