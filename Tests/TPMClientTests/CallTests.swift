import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

/// The client's calls against the engine; whatever they open they close.
@Suite struct CallTests {
    private let owner = TappedTPM.owner
    private let srk = TappedTPM.srk
    private let auth = Secret(passphrase: Secret("key"))

    @Test func `An endorsement key is made once and read until there is an owner`() throws {
        let test = try TappedTPM()
        #expect(clientError { try test.client.endorsementKey() }?.result == .noEndorsement)
        let made = try test.client.createEndorsementKey()
        #expect(try test.client.endorsementKey() == made)
        #expect(clientError { try test.client.createEndorsementKey() }?.result == .disabledCmd)
        let owned = try TappedTPM.owned()
        #expect(clientError { try owned.client.endorsementKey() }?.result == .disabledCmd)
        #expect(try owned.client.endorsementKey(owner: owner).pubKey.key.count == 256)
    }

    @Test func `An endorsement key with a wrong checksum is not believed`() throws {
        let test = try TappedTPM()
        try test.client.createEndorsementKey()
        test.tamper = { if $0.count > 100 { $0[60] ^= 1 } }
        #expect(clientError { try test.client.endorsementKey() } == .notAuthentic(.readPubek))
        #expect(clientError { try test.client.takeOwnership(owner: owner) } == .notAuthentic(.readPubek))
    }

    @Test func `The owner comes and goes`() throws {
        let test = try TappedTPM.owned()
        #expect(try test.client.hasOwner())
        #expect(clientError { try test.client.takeOwnership(owner: owner) }?.result == .disabledCmd)
        #expect(try test.client.storageRootKey(owner: owner).pubKey.key.count == 256)
        try test.client.clear(owner: owner)
        #expect(try !test.client.hasOwner())
    }

    @Test func `Physical presence clears without a secret`() throws {
        let test = try TappedTPM.owned()
        try test.client.execute(TSCPhysicalPresence.self, .init(physicalPresence: .hwEnable))
        try test.client.forceClear()
        #expect(try !test.client.hasOwner())
    }

    @Test func `Changed secrets are asked for from then on`() throws {
        let test = try TappedTPM.owned()
        try test.client.changeStorageRootKey(to: auth, owner: owner)
        try test.client.changeOwner(from: owner, to: auth)
        #expect(clientError { try test.client.storageRootKey(owner: owner) }?.result == .authFail)
        _ = try test.client.storageRootKey(owner: auth)
        #expect(clientError { try test.client.seal(Secret("x"), keyAuth: srk) }?.result == .authFail)
        _ = try test.client.seal(Secret("x"), keyAuth: auth)
        #expect(test.openSessions == 0)
    }

    @Test(arguments: [1, 149])
    func `What is sealed comes back`(size: Int) throws {
        let test = try TappedTPM.owned()
        let data = Secret([UInt8](repeating: 7, count: size))
        let blob = try test.client.seal(data, keyAuth: srk, dataAuth: auth)
        #expect(try test.client.unseal(blob, keyAuth: srk, dataAuth: auth) == data)
        #expect(clientError { try test.client.unseal(blob, keyAuth: srk) }?.result == .auth2Fail)
        let changed = try test.client.changeAuth(of: blob, from: auth, to: srk, parentAuth: srk)
        #expect(try test.client.unseal(changed, keyAuth: srk, dataAuth: srk) == data)
        #expect(test.openSessions == 0)
    }

    @Test(arguments: [ADIPScheme.xor, .aes128CTR])
    func `What is sealed hidden crosses the wire hidden, both ways`(scheme: ADIPScheme) throws {
        let test = try TappedTPM.owned()
        let data = Secret("a secret that nobody on the wire may see")
        let blob = try test.client.sealHidden(data, keyAuth: srk, dataAuth: auth, scheme: scheme)
        var answers: [[UInt8]] = []
        test.tamper = { answers.append($0) }
        #expect(try test.client.unseal(blob, keyAuth: srk, dataAuth: auth) == data)
        #expect(!(test.commands + answers).contains { $0.contains(data.bytes) })
    }

    @Test func `What is sealed to PCRs stays closed once they changed`() throws {
        let test = try TappedTPM.owned()
        try test.client.extend(10, with: SHA1.hash(Array("boot".utf8)))
        let binding = try test.client.binding(to: PCRSelection(indices: [0, 10, 16]))
        let blob = try test.client.seal(Secret("x"), keyAuth: srk, boundTo: binding)
        #expect(try test.client.unseal(blob, keyAuth: srk) == Secret("x"))
        try test.client.extend(16, with: .zero)
        #expect(clientError { try test.client.unseal(blob, keyAuth: srk) } == .tpm(.wrongPCRVal, .unseal))
        try test.client.resetPCRs(PCRSelection(indices: [16]))
        #expect(try test.client.unseal(blob, keyAuth: srk) == Secret("x"))
        #expect(test.openSessions == 0)
    }

    @Test func `Extending hashes the old value and the digest`() throws {
        let test = try TappedTPM()
        let digest = SHA1.hash(Array("event".utf8))
        #expect(try test.client.extend(0, with: digest) == SHA1.hash(Digest.zero, digest))
        #expect(try test.client.pcrs().count == 24)
        #expect(try test.client.pcrs()[0] == SHA1.hash(Digest.zero, digest))
        #expect(clientError { try test.client.pcr(24) } == .tpm(.badIndex, .pcrRead))
    }

    @Test func `A signature verifies with the key that made it, and no other`() throws {
        let test = try TappedTPM.owned()
        let blob = try test.client.createKey(.template(.signing, bits: 1024), auth: auth, parentAuth: srk)
        let key = try RSAPublicKey(blob.pubkey)
        let digest = SHA1.hash(Array("text".utf8))
        let signature = try test.client.withKey(blob, parentAuth: srk) { handle in
            #expect(try test.client.publicKey(handle, auth: auth) == blob.pubkey)
            return try test.client.sign(digest, with: handle, auth: auth)
        }
        #expect(key.verify(digest, signature: signature))
        #expect(!key.verify(.zero, signature: signature))
        #expect(try test.client.handles(of: .key).isEmpty)
        #expect(test.openSessions == 0)
    }

    @Test func `A key whose secret changed signs for the new one`() throws {
        let test = try TappedTPM.owned()
        let blob = try test.client.createKey(.template(.signing, bits: 1024), auth: auth, parentAuth: srk)
        let changed = try test.client.changeAuth(of: blob, from: auth, to: owner, parentAuth: srk)
        try test.client.withKey(changed, parentAuth: srk) { handle in
            #expect(clientError { try test.client.sign(.zero, with: handle, auth: auth) }?.result == .authFail)
            _ = try test.client.sign(.zero, with: handle, auth: owner)
        }
    }

    @Test func `A key that needs no secret is used without a session`() throws {
        let test = try TappedTPM.owned()
        let template = Key.template(.signing, bits: 1024, authDataUsage: .never)
        let blob = try test.client.createKey(template, parentAuth: srk)
        try test.client.withKey(blob, parentAuth: srk) { handle in
            _ = try test.client.sign(.zero, with: handle, auth: nil)
        }
    }

    @Test func `What is bound is unbound by the TPM alone`() throws {
        let test = try TappedTPM.owned()
        let blob = try test.client.createKey(.template(.bind, bits: 1024), auth: auth, parentAuth: srk)
        let bound = try RSAPublicKey(blob.pubkey).bind(Secret("to you"))
        let unbound = try test.client.withKey(blob, parentAuth: srk) {
            try test.client.unbind(bound, with: $0, auth: auth)
        }
        #expect(unbound == Secret("to you"))
    }

    @Test func `A quote vouches for its values and its nonce alone`() throws {
        let test = try TappedTPM.owned()
        let blob = try test.client.createKey(.template(.signing, bits: 1024), auth: auth, parentAuth: srk)
        let key = try RSAPublicKey(blob.pubkey)
        let nonce = SHA1.hash(Array("fresh".utf8))
        let selection = PCRSelection(indices: [0, 23])
        try test.client.withKey(blob, parentAuth: srk) { handle in
            var quote = try test.client.quote(selection, nonce: nonce, with: handle, auth: auth)
            #expect(quote.isSigned(by: key, nonce: nonce))
            #expect(!quote.isSigned(by: key, nonce: .zero))
            quote.pcrData.pcrValue[1] = nonce
            #expect(!quote.isSigned(by: key, nonce: nonce))
            quote.pcrData.pcrValue = []
            #expect(!quote.isSigned(by: key, nonce: nonce))
            var second = try test.client.quote2(selection, nonce: nonce, with: handle, auth: auth, addVersion: true)
            #expect(second.isSigned(by: key, nonce: nonce))
            let values = try test.client.composite(selection).digest()
            #expect(second.pcrData.digestAtRelease == values)
            second.versionInfo[0] ^= 1
            #expect(!second.isSigned(by: key, nonce: nonce))
        }
    }

    @Test func `An identity is made, vouches for its label, and is activated`() throws {
        let test = try TappedTPM.owned()
        let label = Array("me".utf8)
        // Any key will do for a privacy CA that is never asked.
        let privacyCA = try test.client.storageRootKey(owner: owner)
        let made = try test.client.makeIdentity(
            label: label, privacyCA: privacyCA, auth: auth, owner: owner, srkAuth: srk)
        #expect(made.isBound(toLabel: label, privacyCA: privacyCA))
        #expect(!made.isBound(toLabel: label, privacyCA: made.idKey.pubkey))
        let session = SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret("sixteen bytes .."))
        let endorsementKey = try RSAPublicKey(try test.client.endorsementKey(owner: owner))
        try test.client.withKey(made.idKey, parentAuth: srk) { handle in
            for blob in [
                try session.blob(for: made.idKey.pubkey, endorsementKey: endorsementKey),
                try session.contents(for: made.idKey.pubkey, endorsementKey: endorsementKey),
            ] {
                let key = try test.client.activateIdentity(handle, blob: blob, auth: auth, owner: owner)
                #expect(key == session)
            }
            let stranger = try session.blob(for: privacyCA, endorsementKey: endorsementKey)
            #expect(
                clientError { try test.client.activateIdentity(handle, blob: stranger, auth: auth, owner: owner) }
                    == .tpm(.badParameter, .activateIdentity))
        }
        #expect(test.openSessions == 0)
    }

    @Test func `A counter counts for whoever has its secret until it is released`() throws {
        let test = try TappedTPM.owned()
        let made = try test.client.createCounter(label: Array("boot".utf8), auth: auth, owner: owner)
        let counter = made.countID
        #expect(try test.client.incrementCounter(counter, auth: auth).counter == made.counterValue.counter + 1)
        #expect(clientError { try test.client.incrementCounter(counter, auth: owner) }?.result == .authFail)
        #expect(try test.client.readCounter(counter).label == Array("boot".utf8))
        #expect(try test.client.counters() == [counter])
        try test.client.releaseCounter(counter, auth: auth)
        #expect(clientError { try test.client.readCounter(counter) } == .tpm(.badCounter, .readCounter))
        let second = try test.client.createCounter(label: Array("next".utf8), auth: auth, owner: owner)
        try test.client.releaseCounter(second.countID, owner: owner)
        #expect(try test.client.counters().isEmpty)
        #expect(
            clientError { try test.client.createCounter(label: [1], auth: auth, owner: owner) }
                == .badRequest(.createCounter))
        #expect(test.openSessions == 0)
    }

    @Test func `NV areas open to the owner, to their own secret, or to all`() throws {
        let test = try TappedTPM.owned()
        let client = test.client
        try client.defineNV(0x1000, size: 8, permissions: [.ownerWrite, .ownerRead], owner: owner)
        try client.defineNV(0x1001, size: 8, permissions: [.authWrite, .authRead], auth: auth, owner: owner)
        // Enforces the authorizations from here on.
        try client.defineNV(0xffff_ffff, size: 0, permissions: [], owner: nil)
        try client.writeNV(0x1000, [1, 2, 3], offset: 2, as: .owner(owner))
        try client.writeNV(0x1001, [4], as: .area(auth))
        #expect(try client.readNV(0x1000, offset: 1, count: 4, as: .owner(owner)) == [0xff, 1, 2, 3])
        #expect(try client.readNV(0x1001, count: 1, as: .area(auth)) == [4])
        #expect(clientError { try client.readNV(0x1001, count: 1, as: .area(owner)) }?.result == .authFail)
        #expect(clientError { try client.readNV(0x1000, count: 1) }?.result == .authConflict)
        #expect(try client.nvIndices().filter { $0 < 0x2000 } == [0x1000, 0x1001])
        #expect(try client.nvArea(0x1001).dataSize == 8)
        try client.deleteNV(0x1000, owner: owner)
        #expect(clientError { try client.nvArea(0x1000) }?.result == .badIndex)
        #expect(test.openSessions == 0)
    }

    @Test func `A TPM tells what it is`() throws {
        let test = try TappedTPM.owned()
        #expect(try test.client.versionInfo().specLevel == 2)
        #expect(try test.client.property(.pcr) == 24)
        #expect(try test.client.permanentFlags().cekpUsed)
        #expect(try test.client.lockout().state == .inactive)
        let report = try TPMReport(of: test.client).description
        #expect(report.contains("Owner:                  installed"))
        #expect(report.contains("Lockout:                inactive"))
    }

    @Test func `Random bytes come in as many commands as it takes`() throws {
        let test = try TappedTPM()
        #expect(try test.client.randomBytes(10_000).count == 10_000)
        #expect(test.commands.count > 1)
        test.tamper = { $0 = [0, 0xc4, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0] }
        #expect(clientError { try test.client.randomBytes(1) } == .badResponse(.getRandom))
    }
}
