import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

/// The client's calls for families and delegations, which ``PeerTests`` makes to another TPM, too.
@Suite struct DelegationCallTests {
    @Test func `What is delegated is used, and nothing else`() throws {
        let test = try TappedTPM.owned()
        try Self.delegate(test.client)
        #expect(test.openSessions == 0)
    }

    @Test func `Without an owner nobody is asked`() throws {
        let test = try TappedTPM()
        let family = try test.client.createFamily(label: 1)
        try test.client.setFamily(family, enabled: true)
        try test.client.setFamily(family, locked: true)
        #expect(clientError { try test.client.invalidateFamily(family) }?.result == .delegateLock)
        #expect(try test.client.delegations().families.map(\.flags) == [[.enabled, .delegateAdminLock]])
    }

    @Test func `Secrets of delegations do not cross the wire`() throws {
        let test = try TappedTPM.owned()
        let secret = Secret(passphrase: Secret("delegate"))
        let family = try test.client.createFamily(label: 1, owner: TappedTPM.owner)
        var answers: [[UInt8]] = []
        test.tamper = { answers.append($0) }
        _ = try test.client.delegateOwner(Self.info(.owner, [], family), to: secret, owner: TappedTPM.owner)
        _ = try test.client.delegateKey(.srk, Self.info(.key, [], family), to: secret, keyAuth: TappedTPM.srk)
        #expect(!(test.commands + answers).contains { $0.contains(secret.bytes) })
    }

    private static func info(_ type: DelegateType, _ ordinals: [Ordinal], _ family: UInt32) -> DelegatePublic {
        DelegatePublic(
            rowLabel: 7, pcrInfo: PCRInfoShort(), permissions: Delegations(delegateType: type, ordinals),
            familyID: family, verificationCount: 0)
    }

    /// Delegates one command of the owner's and one use of a key, uses both, and takes them back.
    ///
    /// - Parameter schemes: how the TPM hides secrets in sessions of TPM_DSAP.
    static func delegate(_ tpm: TPMClient, schemes: [ADIPScheme] = ADIPScheme.allCases) throws {
        let owner = TappedTPM.owner
        let secret = Secret(passphrase: Secret("delegate"))
        let family = try tpm.createFamily(label: 1, owner: owner)
        try tpm.setFamily(family, enabled: true, owner: owner)
        try tpm.setFamily(family, locked: true, owner: owner)
        try tpm.setFamily(family, locked: false, owner: owner)
        let blob = try tpm.delegateOwner(info(.owner, [.ownerReadInternalPub], family), to: secret, owner: owner)
        try tpm.execute(DelegateVerifyDelegation.self, .init(delegation: try blob.encoded()))
        func read(_ session: Session) throws -> Pubkey {
            try tpm.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session).publicPortion
        }
        let root = try tpm.storageRootKey(owner: owner)
        for scheme in schemes {
            #expect(try read(try tpm.dsap(blob, secret: secret, scheme: scheme)) == root)
        }
        #expect(clientError { try read(try tpm.dsap(blob, secret: owner)) }?.result == .authFail)
        #expect(clientError { try tpm.execute(OwnerClear.self, .init(), tpm.dsap(blob, secret: secret)) } != nil)
        // A row of the table.
        try tpm.load(blob, row: 1, owner: owner)
        #expect(try tpm.delegations().rows.contains(DelegatePublicRow(index: 1, pub: blob.pub)))
        #expect(try read(try tpm.dsap(row: 1, secret: secret)) == root)
        try tpm.setOwnerPointer(row: 1)
        #expect(try tpm.storageRootKey(owner: secret) == root)
        try tpm.setOwnerPointer(row: nil)
        // A key, whose new secret is hidden by the delegated session.
        let keyInfo = info(.key, [.createWrapKey, .loadKey2], family)
        let keyBlob = try tpm.delegateKey(.srk, keyInfo, to: secret, keyAuth: TappedTPM.srk)
        let session = try tpm.dsap(keyBlob, key: .srk, secret: secret, scheme: schemes.last ?? .xor)
        let wrapped = try tpm.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: .srk, dataUsageAuth: try session.hide(secret),
                dataMigrationAuth: try session.hideSecond(secret), keyInfo: .template(.signing)), session
        ).wrappedKey
        let key = try tpm.execute(
            LoadKey2.self, .init(parentHandle: .srk, inKey: wrapped), tpm.dsap(keyBlob, key: .srk, secret: secret)
        ).inkeyHandle
        _ = try tpm.sign(.zero, with: key, auth: secret)
        try tpm.flush(key)
        // The family's other delegations end, and come back by name.
        _ = try tpm.delegateOwner(info(.owner, [], family), to: secret, owner: owner, increment: true)
        #expect(clientError { try tpm.dsap(blob, secret: secret) }?.result == .familyCount)
        let updated = try tpm.execute(
            DelegateUpdateVerification.self, .init(inputData: try blob.encoded()), authorizedBy: owner
        ).outputData
        let new = try WireDecoder.decode(DelegateOwnerBlob.self, from: updated)
        #expect(try read(try tpm.dsap(new, secret: secret)) == root)
        try tpm.invalidateFamily(family, owner: owner)
        #expect(clientError { try tpm.dsap(new, secret: secret) }?.result == .badIndex)
        // Counted above, where the secret was wrong.
        try tpm.resetLock(owner: owner)
    }
}
