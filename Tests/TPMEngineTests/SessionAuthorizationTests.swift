import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// HMAC-SHA1 as RFC 2104 writes it down, on SHA-1 alone.
private func plainHMAC(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    let padded = key + [UInt8](repeating: 0, count: 64 - key.count)
    let inner = SHA1.hash(padded.map { $0 ^ 0x36 } + message).bytes
    return SHA1.hash(padded.map { $0 ^ 0x5c } + inner).bytes
}

private func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).compactMap {
        let start = hex.index(hex.startIndex, offsetBy: $0)
        return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)
    }
}

/// The HMACs of both protocols and the hiding of secrets, against values made by other means (Part 1, 13; Part 3, 18).
///
/// Where a value is written out it was made with Python's hmac and hashlib modules, and with the AES of its
/// cryptography package one block at a time, from the numbers that stand in the test.
@Suite struct SessionAuthorizationTests {
    private let nonceEven = Digest(repeating: 0xa1)
    private let nonceOdd = [UInt8](repeating: 0xb2, count: 20)
    private let handle: UInt32 = 0x0102_0304

    /// TPM_OwnerSetDisable with FALSE, whose parameters digest to SHA-1(0000006e 00).
    private func ownerSetDisable(_ auth: [UInt8], nonceOdd: [UInt8]? = nil, continues: UInt8) -> [UInt8] {
        [0, 0xc2, 0, 0, 0, 56, 0, 0, 0, 0x6e, 0] + be32(handle) + (nonceOdd ?? self.nonceOdd) + [continues] + auth
    }

    private func open(on tpm: OwnedTPM, nonceEven: Digest? = nil, _ binding: AuthSession.Binding? = nil) throws {
        _ = try tpm.tpm.state.any.sessions.open(
            nonceEven: nonceEven ?? self.nonceEven, start: handle, binding: binding)
    }

    // MARK: HMACs

    @Test func theHMACOfTheTestsIsTheOneOfRFC2202() {
        #expect(
            plainHMAC([UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8))
                == bytes("b617318655057264e28bc0b6fb378c8ef146be00"))
    }

    @Test func anOIAPSessionIsProvedWithTheEntitysSecret() throws {
        let tpm = OwnedTPM()
        try open(on: tpm)
        let command = ownerSetDisable(bytes("194413bf04a6c6176681d2488c8abc0583ae45d0"), continues: 1)
        let outcome = tpm.tpm.execute(command)
        try #require(outcome.result == .success)
        // tag, size, code; nonceEven, continueAuthSession, resAuth.
        let answer = outcome.response
        #expect(Array(answer[..<10]) == [0, 0xc5, 0, 0, 0, 51, 0, 0, 0, 0])
        let digest = SHA1.hash([0, 0, 0, 0, 0, 0, 0, 0x6e]).bytes
        let expected = plainHMAC(
            [UInt8](repeating: 0x11, count: 20), digest + answer[10..<30] + nonceOdd + [answer[30]])
        #expect(answer[30] == 1)
        #expect(Array(answer[31...]) == expected)
    }

    @Test func anOSAPSessionIsProvedWithTheSharedSecret() throws {
        let tpm = OwnedTPM()
        let shared = bytes("95e6a867223dd80c4d850fa5e93f5483e70d38e3")
        // The shared secret of the owner for nonceEvenOSAP of twenty 0xd1 and nonceOddOSAP of twenty 0xd2.
        #expect(
            plainHMAC(
                [UInt8](repeating: 0x11, count: 20),
                [UInt8](repeating: 0xd1, count: 20) + [UInt8](repeating: 0xd2, count: 20)) == shared)
        try open(on: tpm, .init(entity: .owner, sharedSecret: Secret(shared), scheme: .xor, delegation: nil))
        let command = ownerSetDisable(bytes("cad3c0efe7d3d8552a1db11ea2f5435885db81a5"), continues: 0)
        let outcome = tpm.tpm.execute(command)
        try #require(outcome.result == .success)
        let answer = outcome.response
        let digest = SHA1.hash([0, 0, 0, 0, 0, 0, 0, 0x6e]).bytes
        #expect(Array(answer[31...]) == plainHMAC(shared, digest + answer[10..<30] + nonceOdd + [0]))
        #expect(tpm.tpm.state.any.sessions[handle] == nil)
    }

    @Test func theSharedSecretOfTPMOSAPCoversBothOSAPNonces() throws {
        let tpm = OwnedTPM()
        let nonceOddOSAP = Digest(repeating: 0x77)
        let opened = try tpm.client.execute(
            OSAP.self, .init(entityType: EntityType(kind: .owner), entityValue: 0, nonceOddOSAP: nonceOddOSAP))
        let shared = plainHMAC(OwnedTPM.ownerAuth.bytes, opened.nonceEvenOSAP.bytes + nonceOddOSAP.bytes)
        #expect(opened.nonceEvenOSAP != opened.nonceEven)
        #expect(tpm.tpm.state.any.sessions[opened.authHandle]?.binding?.sharedSecret == Secret(shared))
        #expect(tpm.tpm.state.any.sessions[opened.authHandle]?.nonceEven == opened.nonceEven)
    }

    @Test func theNonceRollsWithEveryAnswer() throws {
        let tpm = OwnedTPM()
        try open(on: tpm)
        var nonces = [nonceEven.bytes]
        let digest = SHA1.hash([0, 0, 0, 0x6e, 0]).bytes
        for round in UInt8(0)..<4 {
            let nonceOdd = [UInt8](repeating: round, count: 20)
            let auth = plainHMAC(OwnedTPM.ownerAuth.bytes, digest + (nonces.last ?? []) + nonceOdd + [1])
            let outcome = tpm.tpm.execute(ownerSetDisable(auth, nonceOdd: nonceOdd, continues: 1))
            try #require(outcome.result == .success)
            nonces.append(Array(outcome.response[10..<30]))
        }
        #expect(Set(nonces).count == 5)
        // An HMAC over a nonce that has been used proves nothing, and ends the session.
        let old = plainHMAC(OwnedTPM.ownerAuth.bytes, digest + nonces[3] + nonceOdd + [1])
        #expect(tpm.tpm.code(ownerSetDisable(old, continues: 1)) == .authFail)
        let fresh = plainHMAC(OwnedTPM.ownerAuth.bytes, digest + nonces[4] + nonceOdd + [1])
        #expect(tpm.tpm.code(ownerSetDisable(fresh, continues: 1)) == .invalidAuthHandle)
    }

    // MARK: Hidden secrets

    /// TPM_ChangeAuthOwner to twenty 0x5a for a shared secret of twenty 0xc3 and a nonce whose bytes 12 to 15 are
    /// 0xff, so that the counter of AES wraps.
    private func changeOwner(_ scheme: ADIPScheme, encAuth: String, auth: String) throws -> OwnedTPM {
        let tpm = OwnedTPM()
        let a1 = UInt8(0xa1)
        let nonce = [UInt8](repeating: a1, count: 12) + [UInt8](repeating: 0xff, count: 4) + [a1, a1, a1, a1]
        try open(
            on: tpm, nonceEven: try #require(Digest(nonce) as Digest?),
            .init(
                entity: .owner, sharedSecret: Secret([UInt8](repeating: 0xc3, count: 20)), scheme: scheme,
                delegation: nil))
        let command =
            [0, 0xc2, 0, 0, 0, 79, 0, 0, 0, 0x10, 0, 4] + bytes(encAuth) + [0, 2] + be32(handle) + nonceOdd + [0]
            + bytes(auth)
        #expect(tpm.tpm.code(command) == .success)
        return tpm
    }

    @Test func aSecretIsHiddenByTheExclusiveOrWithADigest() throws {
        let tpm = try changeOwner(
            .xor, encAuth: "5feab5cf22755c168a333e8b590f3e5857040790",
            auth: "f27e09d2652929736054e00e5638a04870cc4e31")
        #expect(tpm.tpm.state.permanent.ownership?.ownerAuth == Secret([UInt8](repeating: 0x5a, count: 20)))
    }

    @Test func aSecretIsHiddenByAESWhoseCounterWrapsInItsLast32Bits() throws {
        let tpm = try changeOwner(
            .aes128CTR, encAuth: "b632d993466774f66d4c1c442be7e1737fe23448",
            auth: "17b337a5454a86fb1c5565e8360080696c5b8ad0")
        #expect(tpm.tpm.state.permanent.ownership?.ownerAuth == Secret([UInt8](repeating: 0x5a, count: 20)))
    }

    @Test(arguments: ADIPScheme.allCases)
    func twoSecretsOfACommandAreHiddenWithBothNonces(_ scheme: ADIPScheme) throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP(scheme, continues: true)
        let key = try tpm.client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: .srk, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth),
                keyInfo: OwnedTPM.template(.signing, flags: .migratable)),
            session
        ).wrappedKey
        let handle = try tpm.load(key)
        let loaded = tpm.tpm.state.keys[handle]
        #expect(loaded?.usageAuth == OwnedTPM.keyAuth)
        #expect(loaded?.migrationAuth == OwnedTPM.migrationAuth)
        // A session that hid a secret ends, whatever the caller asked for (Part 3, 18.2 action 14.c).
        #expect(!session.isOpen)
        #expect(tpm.tpm.state.any.sessions[session.handle] == nil)
    }
}
