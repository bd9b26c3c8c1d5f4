import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct LoadKeyTests {
    private static let pair = try? RSAKeyGenerator.generate(bits: 1024, random: SeededRandom(seed: 7))
    private static let migratable = OwnedTPM.template(.signing, bits: 1024, flags: .migratable)

    private func pair() throws -> RSAPrimes { try #require(Self.pair) }

    private func code(_ blob: Key, on tpm: OwnedTPM) throws -> TPMResult? {
        tpm.code(LoadKey2.self, .init(parentHandle: .srk, inKey: blob), try tpm.srkSession(continues: false))
    }

    @Test func aLoadedKeySignsAndHasAHandleOfItsOwn() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        let handles = [try tpm.load(blob), try tpm.load(blob)]
        #expect(handles[0] != handles[1])
        #expect(!handles.contains { $0.isReserved || $0.rawValue == 0 })
        for handle in handles {
            let signature = try tpm.client.execute(
                Sign.self, .init(keyHandle: handle, areaToSign: OwnedTPM.keyAuth.bytes), try tpm.keySession()
            ).sig
            let digest = try #require(Digest(OwnedTPM.keyAuth.bytes))
            #expect(try tpm.publicKey(handle).verifyPKCS1(digestInfo: digestInfo(digest), signature: signature))
        }
    }

    @Test func theOldCommandPutsTheHandleUnderTheHMAC() throws {
        let tpm = OwnedTPM()
        let request = LoadKey2.Request(
            parentHandle: .srk, inKey: try tpm.create(OwnedTPM.template(.signing, bits: 512)))
        // The client would refuse an answer whose HMAC covers other bytes.
        let old = try tpm.client.execute(LoadKey.self, request, try tpm.srkSession()).inkeyHandle
        let new = try tpm.client.execute(LoadKey2.self, request, try tpm.srkSession()).inkeyHandle
        #expect(tpm.tpm.state.keys.handles == [old, new])
    }

    @Test func childrenLoadUnderTheirParentOnly() throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(.storage))
        let session = try tpm.keyOSAP(parent)
        let child = try tpm.client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth),
                keyInfo: OwnedTPM.template(.signing, bits: 512)), session
        ).wrappedKey
        #expect(try code(child, on: tpm) == .decryptError)
        let request = LoadKey2.Request(parentHandle: parent, inKey: child)
        #expect(tpm.code(LoadKey2.self, request, try tpm.keySession()) == .success)
        #expect(tpm.code(LoadKey2.self, request, try tpm.srkSession()) == .authFail)
        #expect(tpm.code(LoadKey2.self, request) == .authFail)
    }

    @Test func withoutASessionUnderAParentThatNeverNeedsOne() throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(.storage, authDataUsage: .never))
        let session = try tpm.keyOSAP(parent)
        let child = try tpm.client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth),
                keyInfo: OwnedTPM.template(.signing, bits: 512)), session
        ).wrappedKey
        #expect(tpm.code(LoadKey2.self, .init(parentHandle: parent, inKey: child)) == .success)
        #expect(tpm.code(LoadKey.self, .init(parentHandle: parent, inKey: child)) == .success)
    }

    @Test(arguments: [KeyUsage.signing, .bind, .legacy, .migrate])
    func theParentIsAStorageKey(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(usage))
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        #expect(
            tpm.code(LoadKey2.self, .init(parentHandle: parent, inKey: blob), try tpm.keySession())
                == .invalidKeyUsage)
    }

    @Test func theTwentyFirstKeyIsNoSpace() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        let handles = try (0..<KeySlots.capacity).map { _ in try tpm.load(blob) }
        #expect(Set(handles).count == KeySlots.capacity)
        #expect(try code(blob, on: tpm) == .noSpace)
        try tpm.flush(handles[3])
        #expect(try code(blob, on: tpm) == .success)
    }

    @Test func aHandleNeverFallsAmongTheReserved() throws {
        let tpm = OwnedTPM()
        let key = try #require(tpm.tpm.state.permanent.ownership?.srk)
        var slots = KeySlots()
        for (start, expected) in [
            (UInt32(0), UInt32(1)), (0x4000_0000, 0x4100_0000), (0x40ff_ffff, 0x4100_0001), (.max, .max), (.max, 2),
        ] {
            #expect(try slots.add(key, start: start).rawValue == expected)
        }
    }

    // MARK: Integrity

    @Test func whatThePublicPartSaysIsWhatTheKeyWasMadeWith() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(OwnedTPM.template(.signing, pcrInfo: .long(tpm.pcrInfoLong(1))))
        #expect(try code(blob, on: tpm) == .success)
        var changed: [Key] = []
        func change(_ body: (inout Key) -> Void) {
            var copy = blob
            body(&copy)
            changed.append(copy)
        }
        change { $0.keyFlags = .migratable }
        change { $0.keyFlags = .isVolatile }
        change { $0.authDataUsage = .never }
        change { $0.algorithmParms.sigScheme = .rsassaPKCS1v15DER }
        change { $0.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [1, 0, 1])) }
        change { $0.pcrInfo = .none }
        change { $0.pcrInfo = .long(tpm.pcrInfoLong(2)) }
        change {
            $0.keyUsage = .legacy
            $0.algorithmParms.encScheme = .rsaesOAEPSHA1MGF1
        }
        change { $0.keyUsage = .identity }
        change {
            $0.form = .key11
            $0.pcrInfo = .none
        }
        for blob in changed {
            #expect(try code(blob, on: tpm) == .authFail)
        }
        // A modulus that the private part does not divide is noticed before.
        changed = []
        change { $0.pubKey.key[5] ^= 1 }
        for blob in changed { #expect(try code(blob, on: tpm) == .badParameter) }
        // That is no failed authorization.
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
    }

    @Test func aPrivatePartThatIsNoneIsRefused() throws {
        let tpm = OwnedTPM()
        let srk = try tpm.publicKey(.srk)
        let blob = try tpm.create(OwnedTPM.template(.signing))
        for (encData, expected) in [
            ([], TPMResult.decryptError), ([1, 2], .decryptError),
            ([UInt8](repeating: 0xff, count: 256), .decryptError),
            ([UInt8](repeating: 3, count: 1024), .decryptError),
            (try srk.encryptOAEP(Secret([1, 2, 3])), .invalidStructure),
            (try srk.encryptOAEP(Secret([99] + [UInt8](repeating: 0, count: 64))), .invalidStructure),
            // A private key of 4 gigabytes.
            (
                try srk.encryptOAEP(Secret([1] + [UInt8](repeating: 0, count: 60) + [0xff, 0xff, 0xff, 0xff])),
                .invalidStructure
            ),
        ] {
            var copy = blob
            copy.encData = encData
            #expect(try code(copy, on: tpm) == expected)
        }
    }

    // MARK: Keys from outside

    @Test func aMigratableKeyFromOutsideLoads() throws {
        let tpm = OwnedTPM()
        let pair = try pair()
        for prime in [pair.p, pair.q] {
            let key = try tpm.load(try tpm.wrapped(Self.migratable, modulus: pair.modulus, prime: prime.bytes))
            let digest = Digest(repeating: 3)
            let signature = try tpm.client.execute(
                Sign.self, .init(keyHandle: key, areaToSign: digest.bytes), try tpm.keySession()
            ).sig
            #expect(
                try RSAPublicKey(modulus: pair.modulus, exponent: 65537)
                    .verifyPKCS1(digestInfo: digestInfo(digest), signature: signature))
        }
    }

    @Test func aKeyFromOutsideThatClaimsToBeTheTPMsIsInvalidKeyUsage() throws {
        let tpm = OwnedTPM()
        let pair = try pair()
        let template = OwnedTPM.template(.signing, bits: 1024)
        #expect(
            try code(try tpm.wrapped(template, modulus: pair.modulus, prime: pair.p.bytes), on: tpm)
                == .invalidKeyUsage)
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        let own = try tpm.wrapped(template, modulus: pair.modulus, prime: pair.p.bytes, migrationAuth: proof)
        #expect(try code(own, on: tpm) == .success)
    }

    @Test(arguments: PayloadType.allCases)
    func thePayloadIsAKeyOrACertifiedMigrationKey(_ payload: PayloadType) throws {
        let tpm = OwnedTPM()
        let pair = try pair()
        let blob = try tpm.wrapped(
            OwnedTPM.template(.signing, bits: 1024, flags: [.migratable, .migrateAuthority]), modulus: pair.modulus,
            prime: pair.p.bytes, payload: payload)
        let isKey = [.asym, .migrateRestricted, .migrateExternal].contains(payload)
        #expect(try code(blob, on: tpm) == (isKey ? .success : .invalidStructure))
    }

    @Test func identityKeysCannotMigrateAndChangeAuthKeysDoNotLoad() throws {
        let tpm = OwnedTPM()
        let pair = try RSAKeyGenerator.generate(bits: 2048, random: SeededRandom(seed: 8))
        for usage in [KeyUsage.identity, .authChange] {
            let blob = try tpm.wrapped(
                OwnedTPM.template(usage, flags: .migratable), modulus: pair.modulus, prime: pair.p.bytes)
            #expect(try code(blob, on: tpm) == .invalidKeyUsage)
        }
    }

    @Test func fipsModeForbidsWeakKeys() throws {
        let tpm = OwnedTPM()
        let blobs = try [
            OwnedTPM.template(.signing, bits: 512), OwnedTPM.template(.signing, authDataUsage: .never),
            OwnedTPM.template(.legacy),
        ].map(tpm.create)
        let strong = try tpm.create(OwnedTPM.template(.signing, bits: 1024))
        tpm.tpm.state.permanent.flags.fips = true
        for blob in blobs {
            #expect(try code(blob, on: tpm) == .notFIPS)
        }
        #expect(try code(strong, on: tpm) == .success)
    }

    @Test func numbersThatAreNoKeyAreRefused() throws {
        let tpm = OwnedTPM()
        let pair = try pair()
        let n = pair.modulus
        let p = pair.p.bytes
        var even = n
        even[127] &= 0xfe
        var other = p
        other[63] ^= 2
        for (modulus, prime, expected) in [
            (n, other, TPMResult.badParameter), (n, [], .badParameter), (n, [0], .badParameter),
            (n, [1], .badParameter), (n, [2], .badParameter), (n, n, .badParameter), (even, [2], .badParameter),
            (n, [UInt8](repeating: 0xff, count: 149), .badParameter), (even, p, .badParameter),
            ([UInt8](repeating: 0, count: 128), p, .badParameter),
            ([UInt8](repeating: 0, count: 127) + [1], p, .badParameter),
            ([], p, .badKeyProperty), ([0] + n, p, .badKeyProperty), (Array(n.dropFirst()), p, .badKeyProperty),
            (n + n, p, .badKeyProperty), ([UInt8](repeating: 0xff, count: 3000), p, .badKeyProperty),
        ] {
            let blob = try tpm.wrapped(Self.migratable, modulus: modulus, prime: prime)
            #expect(try code(blob, on: tpm) == expected, "\(modulus.count) \(prime)")
        }
        #expect(tpm.tpm.state.keys.handles.isEmpty)
    }

    @Test(
        arguments: [
            [0], [1], [2], [0, 0, 0, 0, 3], [1, 0, 0, 0, 1], [UInt8](repeating: 0xff, count: 200),
            [UInt8](repeating: 0, count: 3000) + [3],
        ] as [[UInt8]])
    func anExponentThatIsNoneIsBadKeyProperty(_ exponent: [UInt8]) throws {
        let tpm = OwnedTPM()
        let pair = try pair()
        var template = Self.migratable
        template.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: exponent))
        let blob = try tpm.wrapped(template, modulus: pair.modulus, prime: pair.p.bytes)
        #expect(try code(blob, on: tpm) == .badKeyProperty)
    }

    /// An outsider may wrap whatever two numbers: the key signs nonsense, or fails, and the TPM goes on.
    @Test func aKeyOfOddFactorsHarmsNobodyElse() throws {
        let tpm = OwnedTPM()
        let moduli = try hostileModuli(bits: 1024)
        #expect(moduli.count > 20)
        var loaded = 0
        for (modulus, prime) in moduli {
            for usage in [KeyUsage.legacy, .signing] {
                let blob = try tpm.wrapped(
                    OwnedTPM.template(usage, bits: 1024, flags: .migratable), modulus: modulus, prime: prime)
                guard try code(blob, on: tpm) == .success else { continue }
                loaded += 1
                let key = try #require(tpm.tpm.state.keys.handles.last)
                _ = tpm.code(
                    Sign.self, .init(keyHandle: key, areaToSign: [UInt8](repeating: 5, count: 20)),
                    try tpm.keySession())
                _ = tpm.code(
                    UnBind.self, .init(keyHandle: key, inData: [0] + [UInt8](repeating: 5, count: 127)),
                    try tpm.keySession())
                try tpm.flush(key)
            }
        }
        #expect(loaded > 10)
        #expect(try tpm.unseal(try tpm.seal([1])) == [1])
    }

    // MARK: PCRs of the parents

    @Test func aKeyRemembersThatAParentWasBoundToPCRs() throws {
        let tpm = OwnedTPM()
        func child(of parent: KeyHandle, _ template: Key) throws -> KeyHandle {
            let session = try tpm.keyOSAP(parent)
            let blob = try tpm.client.execute(
                CreateWrapKey.self,
                .init(
                    parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                    dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth), keyInfo: template), session
            ).wrappedKey
            return try tpm.client.execute(
                LoadKey2.self, .init(parentHandle: parent, inKey: blob), try tpm.keySession()
            ).inkeyHandle
        }
        let bound = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let below = try child(of: bound, OwnedTPM.template(.storage))
        let leaf = try child(of: below, OwnedTPM.template(.signing, bits: 512))
        let free = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(localities: .all))))
        let freeLeaf = try child(of: free, OwnedTPM.template(.signing, bits: 512))
        #expect(tpm.tpm.state.keys[bound]?.parentPCRStatus == false)
        #expect(tpm.tpm.state.keys[below]?.parentPCRStatus == true)
        #expect(tpm.tpm.state.keys[leaf]?.parentPCRStatus == true)
        #expect(tpm.tpm.state.keys[freeLeaf]?.parentPCRStatus == false)
        // The PCRs are checked when a key is used, not when it is loaded.
        try tpm.extend(1)
        let sign = Sign.Request(keyHandle: leaf, areaToSign: [UInt8](repeating: 0, count: 20))
        #expect(tpm.code(Sign.self, sign, try tpm.keySession()) == .success)
    }

    @Test func aKeyLoadsWhateverThePCRsAre() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(1))))
        try tpm.extend(1)
        let key = try tpm.load(blob)
        let sign = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 0, count: 20))
        #expect(tpm.code(Sign.self, sign, try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        for form in [Key.Form.key11, .key12] {
            let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512, form: form))
            try check(
                LoadKey2.self, .init(parentHandle: .srk, inKey: blob), on: tpm, try tpm.srkSession())
            try check(LoadKey.self, .init(parentHandle: .srk, inKey: blob), on: tpm, try tpm.srkSession())
        }
    }
}

/// Moduli of two odd factors with one of them: tiny ones, composites, a square, factors of very different sizes.
func hostileModuli(bits: Int) throws -> [(modulus: [UInt8], factor: [UInt8])] {
    let pair = try RSAKeyGenerator.generate(bits: 512, random: SeededRandom(seed: 9))
    let factors =
        [[3], [5], [0xff], [1, 1], [UInt8](repeating: 0xff, count: 8), pair.p.bytes, pair.q.bytes, pair.modulus]
    var result = [(multiply(pair.modulus, pair.modulus), pair.modulus)]
    for factor in factors {
        // Other factors of the size that is left, or a byte more.
        for count in [bits / 8 - factor.count, bits / 8 - factor.count + 1] {
            for fill in [0x01, 0x7f, 0xff] as [UInt8] {
                result.append((multiply(factor, [UInt8](repeating: fill, count: count)), factor))
            }
        }
    }
    // Exactly the size that the parameters say, or the TPM does not look at them.
    return result.map { (Array($0.0.drop { $0 == 0 }), $0.1) }.filter { $0.0.count == bits / 8 }
}

/// The product of two numbers, big-endian.
private func multiply(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: a.count + b.count)
    for i in a.indices.reversed() {
        var carry = 0
        for j in b.indices.reversed() {
            let sum = Int(a[i]) * Int(b[j]) + Int(result[i + j + 1]) + carry
            result[i + j + 1] = UInt8(sum & 0xff)
            carry = sum >> 8
        }
        result[i] = UInt8(truncatingIfNeeded: carry)
    }
    return result
}
