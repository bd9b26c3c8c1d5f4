import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

extension OwnedTPM {
    static let dataAuth = Secret([UInt8](repeating: 0x66, count: 20))

    func sealRequest(_ data: [UInt8], pcrInfo: [UInt8] = [], _ session: Session) throws -> Seal.Request {
        .init(keyHandle: .srk, encAuth: try session.hide(Self.dataAuth), pcrInfo: pcrInfo, inData: Secret(data))
    }

    /// Data sealed by the SRK.
    func seal(_ data: [UInt8], pcrInfo: [UInt8] = []) throws -> SealedBlob {
        let session = try srkOSAP(continues: false)
        return try client.execute(Seal.self, try sealRequest(data, pcrInfo: pcrInfo, session), session).sealedData
    }

    /// Data encrypted for the way and sealed by the SRK.
    func sealx(_ data: [UInt8], pcrInfo: [UInt8] = [], scheme: ADIPScheme = .xor) throws -> SealedBlob {
        let session = try srkOSAP(scheme, continues: false)
        let hidden = try session.mask(
            data: Secret(data), nonceEven: session.nonceEven, nonceOdd: session.nonceOdd)
        return try client.execute(
            Sealx.self,
            .init(keyHandle: .srk, encAuth: try session.hide(Self.dataAuth), pcrInfo: pcrInfo, inData: hidden), session
        ).sealedData
    }

    /// The data of a blob of the SRK.
    func unseal(_ blob: SealedBlob, dataAuth: Secret = dataAuth) throws -> [UInt8] {
        try client.execute(
            Unseal.self, .init(parentHandle: .srk, inData: blob), try srkSession(continues: false),
            try client.oiap(dataAuth)
        ).secret.bytes
    }

    /// The data of a blob that TPM_Sealx made.
    func unsealx(_ blob: SealedBlob, scheme: ADIPScheme = .xor) throws -> [UInt8] {
        let parent = try srkOSAP(scheme)
        let (even, odd) = (parent.nonceEven, parent.nonceOdd)
        let secret = try client.execute(
            Unseal.self, .init(parentHandle: .srk, inData: blob), parent, try client.oiap(Self.dataAuth)
        ).secret
        return try parent.mask(data: secret, nonceEven: even, nonceOdd: odd).bytes
    }
}

@Suite struct SealTests {
    @Test func theBlobFollowsTheKindOfPCRInfo() throws {
        let tpm = OwnedTPM()
        guard case .storedData(let plain) = try tpm.seal([1, 2, 3]) else {
            Issue.record("without PCRs it is no TPM_STORED_DATA")
            return
        }
        #expect(plain.sealInfo == nil)
        #expect(plain.encData.count == 256)
        guard case .storedData(let old) = try tpm.seal([1], pcrInfo: try tpm.pcrInfo(3).encoded()) else {
            Issue.record("with TPM_PCR_INFO it is no TPM_STORED_DATA")
            return
        }
        #expect(old.sealInfo?.pcrSelection == PCRSelection(indices: [3]))
        guard case .storedData12(let new) = try tpm.seal([1], pcrInfo: try tpm.pcrInfoLong(3).encoded()) else {
            Issue.record("with TPM_PCR_INFO_LONG it is no TPM_STORED_DATA12")
            return
        }
        #expect(new.et.rawValue == 0)
    }

    @Test func theBlobTellsThePCRsAtItsCreationAndKeepsWhatTheReleaseDemands() throws {
        let tpm = OwnedTPM()
        try tpm.extend(3)
        var info = tpm.pcrInfo(3)
        info.digestAtRelease = Digest(repeating: 7)
        guard case .storedData(let blob) = try tpm.seal([1], pcrInfo: try info.encoded()) else {
            Issue.record("no TPM_STORED_DATA")
            return
        }
        #expect(blob.sealInfo?.digestAtCreation == tpm.composite(3))
        #expect(blob.sealInfo?.digestAtRelease == Digest(repeating: 7))
    }

    @Test func theLongFormTellsTheLocalityAtItsCreation() throws {
        let tpm = OwnedTPM()
        try tpm.extend(0)
        tpm.locality = .three
        var info = tpm.pcrInfoLong(3, localities: [.one, .two])
        info.creationPCRSelection = PCRSelection(indices: [0])
        info.digestAtCreation = Digest(repeating: 9)
        guard case .storedData12(let blob) = try tpm.seal([1], pcrInfo: try info.encoded()) else {
            Issue.record("no TPM_STORED_DATA12")
            return
        }
        #expect(blob.sealInfo?.localityAtCreation == [.three])
        #expect(blob.sealInfo?.localityAtRelease == [.one, .two])
        #expect(blob.sealInfo?.digestAtCreation == tpm.composite(0))
        #expect(blob.sealInfo?.digestAtRelease == info.digestAtRelease)
        #expect(blob.sealInfo?.releasePCRSelection == PCRSelection(indices: [3]))
    }

    @Test func aSelectionOfNoPCRHasTheDigestZero() throws {
        let tpm = OwnedTPM()
        let info = PCRInfo(
            pcrSelection: PCRSelection(), digestAtRelease: Digest(repeating: 1),
            digestAtCreation: Digest(repeating: 2))
        guard case .storedData(let blob) = try tpm.seal([1], pcrInfo: try info.encoded()) else {
            Issue.record("no TPM_STORED_DATA")
            return
        }
        #expect(blob.sealInfo?.digestAtCreation == .zero)
        #expect(try tpm.unseal(.storedData(blob)) == [1])
    }

    @Test func theSessionEndsWhateverTheCallerAsked() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP(continues: true)
        try tpm.client.execute(Seal.self, try tpm.sealRequest([1], session), session)
        #expect(!session.isOpen)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func aSessionWithoutSharedSecretIsBadMode() throws {
        let tpm = OwnedTPM()
        let request = Seal.Request(keyHandle: .srk, encAuth: OwnedTPM.dataAuth, inData: Secret([1]))
        #expect(tpm.code(Seal.self, request, try tpm.srkSession()) == .badMode)
        #expect(tpm.code(Sealx.self, request, try tpm.srkSession()) == .badMode)
    }

    @Test func nothingToSealIsBadParameter() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        #expect(try tpm.code(Seal.self, tpm.sealRequest([], session), session) == .badParameter)
        let other = try tpm.srkOSAP()
        #expect(try tpm.code(Sealx.self, tpm.sealRequest([], other), other) == .badParameter)
    }

    @Test func theMostDataIsWhatOneBlockHolds() throws {
        // 256 bytes less 42 of OAEP less 65 of TPM_SEALED_DATA.
        let tpm = OwnedTPM()
        let most = [UInt8](repeating: 3, count: 149)
        #expect(try tpm.unseal(try tpm.seal(most)) == most)
        let session = try tpm.srkOSAP()
        #expect(try tpm.code(Seal.self, tpm.sealRequest(most + [3], session), session) == .badDataSize)
        let other = try tpm.srkOSAP()
        #expect(try tpm.code(Sealx.self, tpm.sealRequest(most + [3], other), other) == .badDataSize)
    }

    @Test(arguments: [KeyUsage.signing, .bind, .legacy, .migrate])
    func onlyAStorageKeySeals(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage))
        let session = try tpm.keyOSAP(key)
        var request = try tpm.sealRequest([1], session)
        request.keyHandle = key
        #expect(tpm.code(Seal.self, request, session) == .invalidKeyUsage)
        let other = try tpm.keyOSAP(key)
        #expect(tpm.code(Sealx.self, request, other) == .invalidKeyUsage)
    }

    @Test func aMigratableKeyDoesNotSeal() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.storage, flags: .migratable))
        let session = try tpm.keyOSAP(key)
        var request = try tpm.sealRequest([1], session)
        request.keyHandle = key
        #expect(tpm.code(Seal.self, request, session) == .invalidKeyUsage)
    }

    @Test(
        arguments: [
            [0, 9, 9, 9], [0, 0], [0], [0, 3, 1, 0, 0], [0, 6, 1, 1], [0, 6] + [UInt8](repeating: 0, count: 52),
        ] as [[UInt8]])
    func aPCRInfoThatIsNoneIsBadIndex(_ info: [UInt8]) throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        #expect(try tpm.code(Seal.self, tpm.sealRequest([1], pcrInfo: info, session), session) == .badIndex)
    }

    @Test func aPCRInfoWithAByteTooManyOrALocalityOfNoneIsBadIndex() throws {
        let tpm = OwnedTPM()
        for info in [try tpm.pcrInfo(1).encoded() + [0], try tpm.pcrInfoLong(1, localities: []).encoded()] {
            let session = try tpm.srkOSAP()
            #expect(try tpm.code(Seal.self, tpm.sealRequest([1], pcrInfo: info, session), session) == .badIndex)
        }
    }

    @Test func theFormOf11IsBadIndexForSealx() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        let request = try tpm.sealRequest([1], pcrInfo: try tpm.pcrInfo(1).encoded(), session)
        #expect(tpm.code(Sealx.self, request, session) == .badIndex)
    }

    @Test func aKeyBoundToOtherPCRsDoesNotSeal() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(4))))
        try tpm.extend(4)
        let session = try tpm.keyOSAP(key)
        var request = try tpm.sealRequest([1], session)
        request.keyHandle = key
        #expect(tpm.code(Seal.self, request, session) == .wrongPCRVal)
    }

    @Test func noKeyNoSeal() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        var request = try tpm.sealRequest([1], session)
        request.keyHandle = KeyHandle(rawValue: 9)
        #expect(tpm.code(Seal.self, request, session) == .invalidKeyHandle)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        try check(
            Seal.self, try tpm.sealRequest([1, 2], pcrInfo: try tpm.pcrInfo(1).encoded(), session), on: tpm, session)
        let other = try tpm.srkOSAP()
        try check(
            Sealx.self, try tpm.sealRequest([1, 2], pcrInfo: try tpm.pcrInfoLong(1).encoded(), other), on: tpm, other)
    }
}

@Suite struct SealxTests {
    @Test func aBlobIsAlwaysOf12AndSaysHowToHideTheData() throws {
        let tpm = OwnedTPM()
        guard case .storedData12(let xor) = try tpm.sealx([1, 2, 3]) else {
            Issue.record("no TPM_STORED_DATA12")
            return
        }
        // TPM_ET_XOR || TPM_ET_KEY, since zero would mean no encryption (Part 3, 10.7 action 11.a).
        #expect(xor.et.rawValue == 0x0005)
        #expect(xor.sealInfo == nil)
        guard case .storedData12(let aes) = try tpm.sealx([1, 2, 3], scheme: .aes128CTR) else {
            Issue.record("no TPM_STORED_DATA12")
            return
        }
        #expect(aes.et.rawValue == 0x0600)
    }

    @Test(arguments: ADIPScheme.allCases, [1, 16, 20, 149])
    func whatIsSealedHiddenComesBackHidden(_ scheme: ADIPScheme, _ size: Int) throws {
        let tpm = OwnedTPM()
        let data = (0..<size).map { UInt8($0) }
        #expect(try tpm.unsealx(try tpm.sealx(data, scheme: scheme), scheme: scheme) == data)
    }

    @Test(arguments: ADIPScheme.allCases)
    func theDataGoesHiddenByTheBytesTheSpecificationNames(_ scheme: ADIPScheme) throws {
        let tpm = OwnedTPM()
        let blob = try tpm.sealx([1, 2, 3, 4], scheme: scheme)
        let parent = try tpm.srkOSAP(scheme)
        let (even, odd) = (parent.nonceEven, parent.nonceOdd)
        let shared = try #require(tpm.tpm.state.any.sessions[parent.handle]?.binding?.sharedSecret)
        let secret = try tpm.client.execute(
            Unseal.self, .init(parentHandle: .srk, inData: blob), parent, try tpm.client.oiap(OwnedTPM.dataAuth)
        ).secret.bytes
        let stream: [UInt8]
        switch scheme {
        case .xor:
            // MGF1 of authLastNonceEven || nonceOdd || "XOR" || sharedSecret; four bytes are in its first block.
            let z = even.bytes + odd.bytes + [0x58, 0x4f, 0x52] + shared.bytes
            stream = Array(SHA1.hash(z + [0, 0, 0, 0]).bytes.prefix(4))
        case .aes128CTR:
            stream = try AES.ctr(
                key: Secret(Array(shared.bytes.prefix(16))), iv: Array(SHA1.hash(even, odd).bytes.prefix(16)),
                data: [0, 0, 0, 0])
        }
        #expect(zip(secret, stream).map { $0 ^ $1 } == [1, 2, 3, 4])
    }

    @Test func thePCRsAtReleaseCount() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.sealx([5], pcrInfo: try tpm.pcrInfoLong(2).encoded())
        #expect(try tpm.unsealx(blob) == [5])
        try tpm.extend(2)
        #expect(tpm.result { _ = try tpm.unsealx(blob) } == .wrongPCRVal)
    }

    @Test func hiddenDataNeedsASessionThatHides() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.sealx([5])
        // With an OIAP session for the parent (Part 3, 10.2 action 9.b).
        #expect(tpm.result { _ = try tpm.unseal(blob) } == .badMode)
    }

    @Test func theParentsSessionEnds() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.sealx([5])
        let parent = try tpm.srkOSAP(continues: true)
        let data = try tpm.client.oiap(OwnedTPM.dataAuth, continues: true)
        try tpm.client.execute(Unseal.self, .init(parentHandle: .srk, inData: blob), parent, data)
        #expect(!parent.isOpen)
        #expect(data.isOpen)
    }
}
