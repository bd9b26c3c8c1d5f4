import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct UnBindTests {
    /// TPM_BOUND_DATA, byte by byte.
    private static func bound(_ data: [UInt8], ver: [UInt8] = [1, 1, 0, 0], payload: UInt8 = 2) -> [UInt8] {
        ver + [payload] + data
    }

    private func encrypt(_ plain: [UInt8], for key: KeyHandle, on tpm: OwnedTPM) throws -> [UInt8] {
        let parms = try #require(tpm.tpm.state.keys[key]).key.algorithmParms
        let publicKey = try tpm.publicKey(key)
        return parms.encScheme == .rsaesPKCSv15
            ? try publicKey.encryptPKCS1(Secret(plain)) : try publicKey.encryptOAEP(Secret(plain))
    }

    private func unbind(_ plain: [UInt8], _ key: KeyHandle, _ tpm: OwnedTPM) throws -> Result<[UInt8], ClientError> {
        let data = try encrypt(plain, for: key, on: tpm)
        do {
            return .success(
                try tpm.client.execute(
                    UnBind.self, .init(keyHandle: key, inData: data), try tpm.keySession()
                ).outData.bytes)
        } catch let error as ClientError {
            return .failure(error)
        }
    }

    @Test(
        arguments: [KeyUsage.bind, .legacy], [EncScheme.rsaesOAEPSHA1MGF1, .rsaesPKCSv15])
    func boundDataComesBackWithoutItsHead(_ usage: KeyUsage, _ scheme: EncScheme) throws {
        let tpm = OwnedTPM()
        for bits in [512, 1024, 2048] as [UInt32] {
            let key = try tpm.newKey(OwnedTPM.template(usage, bits: bits, encScheme: scheme))
            let plain = Self.bound([42, 43])
            // A legacy key with the older padding gives everything, as nothing marks it (Part 3, 10.3 action 5).
            let isRaw = usage == .legacy && scheme == .rsaesPKCSv15
            #expect(try unbind(plain, key, tpm).get() == (isRaw ? plain : [42, 43]))
            try tpm.flush(key)
        }
    }

    @Test func noDataAndTheMostDataComeBack() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.bind, bits: 1024))
        #expect(try unbind(Self.bound([]), key, tpm).get() == [])
        let most = [UInt8](repeating: 8, count: 128 - 42 - 5)
        #expect(try unbind(Self.bound(most), key, tpm).get() == most)
        let raw = try tpm.newKey(OwnedTPM.template(.legacy, bits: 1024, encScheme: .rsaesPKCSv15))
        let mostRaw = [UInt8](repeating: 8, count: 128 - 11)
        #expect(try unbind(mostRaw, raw, tpm).get() == mostRaw)
        #expect(try unbind([], raw, tpm).get() == [])
    }

    @Test(arguments: [EncScheme.rsaesOAEPSHA1MGF1, .rsaesPKCSv15])
    func whatIsNoBoundDataIsRefused(_ scheme: EncScheme) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.bind, bits: 1024, encScheme: scheme))
        for (plain, code) in [
            (Self.bound([1], payload: 5), TPMResult.invalidStructure),
            (Self.bound([1], payload: 99), .invalidStructure),
            (Self.bound([1], ver: [1, 2, 0, 0]), .badVersion),
            ([1, 1, 0, 0], .decryptError), ([], .decryptError),
        ] {
            #expect(throws: ClientError.tpm(code, .unbind)) { try unbind(plain, key, tpm).get() }
        }
        // The revisions of the version are not looked at.
        #expect(try unbind(Self.bound([1], ver: [1, 1, 9, 9]), key, tpm).get() == [1])
    }

    @Test(arguments: [EncScheme.rsaesOAEPSHA1MGF1, .rsaesPKCSv15])
    func whatCannotBeDecryptedIsDecryptError(_ scheme: EncScheme) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.legacy, bits: 1024, encScheme: scheme))
        let other: EncScheme = scheme == .rsaesPKCSv15 ? .rsaesOAEPSHA1MGF1 : .rsaesPKCSv15
        let publicKey = try tpm.publicKey(key)
        let wrongPadding =
            other == .rsaesPKCSv15
            ? try publicKey.encryptPKCS1(Secret([1])) : try publicKey.encryptOAEP(Secret([1]))
        for data in [
            [1], [UInt8](repeating: 0, count: 128), [UInt8](repeating: 0xff, count: 128),
            [UInt8](repeating: 1, count: 127), wrongPadding,
        ] {
            let request = UnBind.Request(keyHandle: key, inData: data)
            #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .decryptError)
        }
        for size in [129, 2048] {
            let request = UnBind.Request(keyHandle: key, inData: [UInt8](repeating: 1, count: size))
            #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .badDataSize)
        }
    }

    @Test func nothingToDecryptIsBadParameterBeforeAnythingElse() throws {
        let tpm = OwnedTPM()
        let request = UnBind.Request(keyHandle: KeyHandle(rawValue: 5), inData: [])
        #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .badParameter)
    }

    @Test(arguments: [KeyUsage.signing, .storage, .migrate])
    func onlyBindAndLegacyKeysUnBind(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage))
        let request = UnBind.Request(keyHandle: key, inData: [1])
        #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .invalidKeyUsage)
    }

    @Test func theSRKDoesNotUnBind() throws {
        let tpm = OwnedTPM()
        #expect(
            tpm.code(UnBind.self, .init(keyHandle: .srk, inData: [1]), try tpm.srkSession()) == .invalidKeyUsage)
    }

    @Test func withoutASessionOnlyAKeyThatNeverNeedsOne() throws {
        let tpm = OwnedTPM()
        for (usage, code) in [
            (AuthDataUsage.never, TPMResult.success), (.always, .authFail), (.noReadPubkeyAuth, .authFail),
        ] {
            let key = try tpm.newKey(OwnedTPM.template(.bind, bits: 512, authDataUsage: usage))
            let request = UnBind.Request(keyHandle: key, inData: try encrypt(Self.bound([1]), for: key, on: tpm))
            #expect(tpm.code(UnBind.self, request) == code)
            #expect(tpm.code(UnBind.self, request, try tpm.keySession(OwnedTPM.dataAuth)) == .authFail)
            #expect(tpm.code(UnBind.self, request, try tpm.keyOSAP(key)) == .success)
        }
    }

    @Test func aKeyServesAtItsPCRsAndLocalitiesOnly() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(
            OwnedTPM.template(.bind, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(1, localities: [.one]))))
        let request = UnBind.Request(keyHandle: key, inData: try encrypt(Self.bound([1]), for: key, on: tpm))
        #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .badLocality)
        tpm.locality = .one
        #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .success)
        try tpm.extend(1)
        #expect(tpm.code(UnBind.self, request, try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.bind, bits: 512))
        let data = try encrypt(Self.bound([1]), for: key, on: tpm)
        try check(UnBind.self, .init(keyHandle: key, inData: data), on: tpm, try tpm.keySession())
    }
}
