import Foundation
import TPMClient
import TPMCrypto
import TPMWire
import Testing

/// The client's calls against another TPM 1.2, which must be new: where it is, the environment variable VTPM_PEER
/// says (an address as `--tpm` takes it). Without it the suite is skipped.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["VTPM_PEER"] != nil), .serialized)
struct PeerTests {
    let owner = TappedTPM.owner
    let srk = TappedTPM.srk
    let auth = Secret(passphrase: Secret("key"))

    @Test func `Another TPM understands every call, and is left without sessions and keys`() throws {
        let tpm = TPMClient(try TPMAddress(ProcessInfo.processInfo.environment["VTPM_PEER"] ?? "").open())
        let endorsementKey = try tpm.createEndorsementKey()
        try tpm.takeOwnership(owner: owner, srk: srk)
        #expect(try tpm.endorsementKey(owner: owner) == endorsementKey)
        let sessions = try tpm.property(.authSess)
        try seals(tpm)
        try signs(tpm)
        try stores(tpm)
        try moves(tpm)
        try identifies(tpm)
        try counts(tpm)
        // Debian's swtpm does not know the other one here.
        try DelegationCallTests.delegate(tpm, schemes: [.xor])
        try carries(tpm)
        try audits(tpm)
        try tpm.changeStorageRootKey(to: auth, owner: owner)
        try tpm.changeStorageRootKey(to: srk, owner: owner)
        try tpm.changeOwner(from: owner, to: auth)
        try tpm.changeOwner(from: auth, to: owner)
        #expect(clientError { try tpm.storageRootKey(owner: auth) }?.result == .authFail)
        try tpm.resetLock(owner: owner)
        #expect(try tpm.property(.authSess) == sessions)
        #expect(try tpm.handles(of: .key).isEmpty)
        try tpm.clear(owner: owner)
        #expect(try !tpm.hasOwner())
    }

    private func seals(_ tpm: TPMClient) throws {
        let data = Secret([UInt8](repeating: 7, count: 149))
        let binding = try tpm.binding(to: PCRSelection(indices: [0, 16]))
        for blob in [
            try tpm.seal(data, keyAuth: srk, dataAuth: auth),
            try tpm.seal(data, keyAuth: srk, dataAuth: auth, boundTo: binding),
            try tpm.sealHidden(data, keyAuth: srk, dataAuth: auth),
            try tpm.sealHidden(data, keyAuth: srk, dataAuth: auth, boundTo: binding, scheme: .aes128CTR),
        ] {
            #expect(try tpm.unseal(blob, keyAuth: srk, dataAuth: auth) == data)
            let changed = try tpm.changeAuth(of: blob, from: auth, to: owner, parentAuth: srk)
            #expect(try tpm.unseal(changed, keyAuth: srk, dataAuth: owner) == data)
        }
        let blob = try tpm.seal(data, keyAuth: srk, boundTo: binding)
        try tpm.extend(16, with: .zero)
        #expect(clientError { try tpm.unseal(blob, keyAuth: srk) }?.result == .wrongPCRVal)
        try tpm.resetPCRs(PCRSelection(indices: [16]))
    }

    private func signs(_ tpm: TPMClient) throws {
        let blob = try tpm.createKey(.template(.signing), auth: auth, parentAuth: srk)
        let key = try RSAPublicKey(blob.pubkey)
        let nonce = SHA1.hash(Array("fresh".utf8))
        let selection = PCRSelection(indices: [0, 23])
        let changed = try tpm.changeAuth(of: blob, from: auth, to: owner, parentAuth: srk)
        try tpm.withKey(changed, parentAuth: srk) { handle in
            #expect(key.verify(nonce, signature: try tpm.sign(nonce, with: handle, auth: owner)))
            let quote = try tpm.quote(selection, nonce: nonce, with: handle, auth: owner)
            #expect(quote.isSigned(by: key, nonce: nonce))
            let second = try tpm.quote2(selection, nonce: nonce, with: handle, auth: owner, addVersion: true)
            #expect(second.isSigned(by: key, nonce: nonce))
        }
        let binding = try tpm.createKey(.template(.bind), auth: auth, parentAuth: srk)
        let bound = try RSAPublicKey(binding.pubkey).bind(Secret("to you"))
        let unbound = try tpm.withKey(binding, parentAuth: srk) { try tpm.unbind(bound, with: $0, auth: auth) }
        #expect(unbound == Secret("to you"))
    }

    private func identifies(_ tpm: TPMClient) throws {
        let privacyCA = try tpm.storageRootKey(owner: owner)
        let made = try tpm.makeIdentity(label: [1, 2], privacyCA: privacyCA, auth: auth, owner: owner, srkAuth: srk)
        #expect(made.isBound(toLabel: [1, 2], privacyCA: privacyCA))
        let endorsementKey = try RSAPublicKey(try tpm.endorsementKey(owner: owner))
        let session = SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret([UInt8](repeating: 5, count: 16)))
        let release = PCRInfoShort(
            pcrSelection: PCRSelection(indices: [16]), localityAtRelease: .all,
            digestAtRelease: try tpm.composite(PCRSelection(indices: [16])).digest())
        try tpm.withKey(made.idKey, parentAuth: srk) { handle in
            let blobs = [
                try session.blob(for: made.idKey.pubkey, endorsementKey: endorsementKey, release: release),
                try session.contents(for: made.idKey.pubkey, endorsementKey: endorsementKey),
            ]
            for blob in blobs {
                #expect(try tpm.activateIdentity(handle, blob: blob, auth: auth, owner: owner) == session)
            }
            try tpm.extend(16, with: .zero)
            #expect(
                clientError { try tpm.activateIdentity(handle, blob: blobs[0], auth: auth, owner: owner) }
                    == .tpm(.wrongPCRVal, .activateIdentity))
            try tpm.resetPCRs(PCRSelection(indices: [16]))
        }
    }

    private func counts(_ tpm: TPMClient) throws {
        let first = try tpm.createCounter(label: [1, 2, 3, 4], auth: auth, owner: owner)
        let second = try tpm.createCounter(label: [5, 6, 7, 8], auth: auth, owner: owner)
        #expect(second.counterValue.counter == first.counterValue.counter + 1)
        let next = try tpm.incrementCounter(first.countID, auth: auth)
        #expect(next == CounterValue(label: [1, 2, 3, 4], counter: first.counterValue.counter + 1))
        #expect(clientError { try tpm.incrementCounter(second.countID, auth: auth) }?.result == .badCounter)
        try tpm.releaseCounter(first.countID, auth: auth)
        #expect(clientError { try tpm.readCounter(first.countID) }?.result == .badCounter)
        try tpm.releaseCounter(second.countID, owner: owner)
    }

    /// Transport sessions of every kind, and their log.
    private func carries(_ tpm: TPMClient) throws {
        let root = try tpm.storageRootKey(owner: owner)
        let storage = TransportKey(.srk, publicKey: try RSAPublicKey(root), auth: srk)
        let blob = try tpm.createKey(.template(.signing), auth: auth, parentAuth: srk)
        let key = try RSAPublicKey(blob.pubkey)
        let nonce = SHA1.hash(Array("fresh".utf8))
        for encryption in [nil] + TransportEncryption.allCases {
            let session = try tpm.openTransport(
                encryption: encryption, log: true, key: encryption == nil ? nil : storage)
            let client = tpm.through(session)
            let sealed = try client.seal(Secret("carried"), keyAuth: srk, dataAuth: auth)
            #expect(try client.unseal(sealed, keyAuth: srk, dataAuth: auth) == Secret("carried"))
            let handle = try client.load(blob, parentAuth: srk)
            let stamp = try client.stamp(nonce, nonce: nonce, with: handle, auth: auth)
            #expect(stamp.isSigned(by: key, digest: nonce, nonce: nonce))
            #expect(try client.storageRootKey(owner: owner) == root)
            #expect(clientError { try client.pcr(99) } == .tpm(.badIndex, .pcrRead))
            let signed = try tpm.release(session, nonce: nonce, with: handle, auth: auth)
            #expect(signed.isSigned(by: key, nonce: nonce, publicKeys: [.srk: root, handle: blob.pubkey]))
            try tpm.flush(handle)
        }
        let exclusive = try tpm.openTransport(exclusive: true)
        _ = try tpm.through(exclusive).ticks()
        _ = try tpm.ticks()
        #expect(clientError { try tpm.through(exclusive).ticks() }?.result == .invalidAuthHandle)
        #expect(try tpm.handles(of: .trans).isEmpty)
    }

    private func audits(_ tpm: TPMClient) throws {
        try tpm.setAudited(.getRandom, true, owner: owner)
        let before = try tpm.auditStatus()
        _ = try tpm.randomBytes(3)
        let after = try tpm.auditStatus()
        #expect(after.ordinals.contains(.getRandom))
        #expect(after.digest != before.digest)
        try tpm.setAudited(.getRandom, false, owner: owner)
        let blob = try tpm.createKey(.template(.signing), auth: auth, parentAuth: srk)
        let nonce = SHA1.hash(Array("fresh".utf8))
        let signed = try tpm.withKey(blob, parentAuth: srk) {
            try tpm.signedAuditDigest(nonce: nonce, with: $0, auth: auth)
        }
        #expect(signed.isSigned(by: try RSAPublicKey(blob.pubkey), nonce: nonce))
    }

    private func stores(_ tpm: TPMClient) throws {
        try tpm.defineNV(0xffff_ffff, size: 0, permissions: [], owner: nil)
        try tpm.defineNV(0x1000, size: 8, permissions: [.ownerWrite, .ownerRead], owner: owner)
        try tpm.defineNV(0x1001, size: 8, permissions: [.authWrite, .authRead], auth: auth, owner: owner)
        try tpm.writeNV(0x1000, [1, 2, 3], offset: 2, as: .owner(owner))
        try tpm.writeNV(0x1001, [4], as: .area(auth))
        #expect(try tpm.readNV(0x1000, offset: 2, count: 3, as: .owner(owner)) == [1, 2, 3])
        #expect(try tpm.readNV(0x1001, count: 1, as: .area(auth)) == [4])
        #expect(try tpm.nvArea(0x1001).dataSize == 8)
        for index in [0x1000, 0x1001] as [UInt32] { try tpm.deleteNV(index, owner: owner) }
    }
}
