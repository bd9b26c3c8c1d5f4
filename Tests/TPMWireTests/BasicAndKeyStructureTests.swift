import Testing
import TPMCrypto

@testable import TPMWire

/// One structure with the checks of its wire form, its type erased.
struct StructureSample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    /// Bytes ahead of a tail without a size, any of which may be missing.
    let minimum: Int
    let decodesEqual: @Sendable ([UInt8]) throws -> Bool
    let describe: @Sendable () throws -> Int

    init<T: WireStructure & Equatable>(_ value: T, minimum: Int? = nil) throws {
        testDescription = "\(T.self)"
        bytes = try value.encoded()
        self.minimum = minimum ?? bytes.count
        decodesEqual = { try WireDecoder.decode(T.self, from: $0) == value }
        describe = { try WireDescriber.describe(value).count }
    }
}

private let digestA = Digest(repeating: 0xa1)
private let digestB = Digest(repeating: 0xb2)
private let secretA = Secret([UInt8](repeating: 0xc3, count: 20))
private let selection = PCRSelection(indices: [0, 7, 10, 23])
private let info = PCRInfo(pcrSelection: selection, digestAtRelease: digestA, digestAtCreation: digestB)
private let long = PCRInfoLong(
    localityAtCreation: .one, localityAtRelease: [.zero, .two], creationPCRSelection: selection,
    releasePCRSelection: PCRSelection(indices: [1], sizeOfSelect: 2), digestAtCreation: digestA,
    digestAtRelease: digestB)
private let rsa = KeyParms(
    algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none,
    parms: .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [1, 0, 1])))
private let aes = KeyParms(
    algorithmID: .aes128, encScheme: .symCTR, sigScheme: .none,
    parms: .symmetric(SymmetricKeyParms(keyLength: 128, blockSize: 128, iv: [1, 2, 3])))
private let plain = KeyParms(algorithmID: .sha, encScheme: .none, sigScheme: .none, parms: .none)
private let store = StorePubkey(key: [1, 2, 3, 4])

private func key(_ form: Key.Form, _ pcr: Key.PCR) -> Key {
    Key(
        form: form, keyUsage: .storage, keyFlags: [.migratable], authDataUsage: .always,
        algorithmParms: rsa, pcrInfo: pcr, pubKey: store, encData: [9, 8, 7])
}

private let samples: [StructureSample] = {
    do {
        return [
            try StructureSample(StructVer()), try StructureSample(Version()), try StructureSample(KeyHandle.srk),
            try StructureSample(KeyHandleList(handle: [.srk, KeyHandle(rawValue: 5)])),
            try StructureSample(ChangeAuthValidate(newAuthSecret: secretA, n1: digestA)),
            try StructureSample(CounterValue(label: [1, 2, 3, 4], counter: 9)),
            try StructureSample(SignInfo(fixed: Array("SIGN".utf8), replay: digestA, data: [1, 2])),
            try StructureSample(SelectSize(major: 1, minor: 2, reqSize: 3)),
            try StructureSample(
                MigrationKeyAuth(
                    migrationKey: Pubkey(algorithmParms: rsa, pubKey: store), migrationScheme: .rewrap,
                    digest: digestB)),
            try StructureSample(MSAComposite(migAuthDigest: [digestA, digestB])),
            try StructureSample(
                CMKAuth(migrationAuthorityDigest: digestA, destinationKeyDigest: digestB, sourceKeyDigest: digestA)),
            try StructureSample(CMKMigAuth(msaDigest: digestA, pubKeyDigest: digestB)),
            try StructureSample(CMKSigTicket(verKeyDigest: digestA, signedData: digestB)),
            try StructureSample(CMKMAApproval(migrationAuthorityDigest: digestA)),
            try StructureSample(selection), try StructureSample(info), try StructureSample(long),
            try StructureSample(PCRComposite(select: selection, pcrValue: [digestA, digestB, digestA, digestB])),
            try StructureSample(PCRInfoShort(long)),
            try StructureSample(PCRAttributes(pcrReset: true, pcrExtendLocal: .two, pcrResetLocal: .all)),
            try StructureSample(StoredData(sealInfo: info, encData: [1])),
            try StructureSample(StoredData(sealInfo: nil, encData: [1])),
            try StructureSample(StoredData12(et: EntityType(kind: .key), sealInfo: long, encData: [1])),
            try StructureSample(
                SealedData(
                    payload: .seal, authData: secretA, tpmProof: secretA, storedDigest: digestA,
                    data: Secret([1, 2]))),
            try StructureSample(SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret([1, 2, 3]))),
            try StructureSample(BoundData(payload: .bind, payloadData: Secret([5, 6])), minimum: 5),
            try StructureSample(rsa), try StructureSample(aes), try StructureSample(plain),
            try StructureSample(store), try StructureSample(Pubkey(algorithmParms: rsa, pubKey: store)),
            try StructureSample(StorePrivkey(key: Secret([1, 2]))),
            try StructureSample(
                StoreAsymkey(
                    payload: .asym, usageAuth: secretA, migrationAuth: secretA, pubDataDigest: digestA,
                    privKey: StorePrivkey(key: Secret([4])))),
            try StructureSample(
                MigrateAsymkey(
                    payload: .migrate, usageAuth: secretA, pubDataDigest: digestA, partPrivKey: Secret([4]))),
            try StructureSample(key(.key11, .none)), try StructureSample(key(.key11, .info(info))),
            try StructureSample(key(.key12, .none)), try StructureSample(key(.key12, .long(long))),
        ]
    } catch { return [] }
}()

/// Part 2, 4 to 10: basic structures, PCRs, storage, keys.
@Suite struct BasicAndKeyStructureTests {
    @Test func samplesEncode() { #expect(samples.count == 38) }

    @Test(arguments: samples) func roundTrip(_ sample: StructureSample) throws {
        #expect(try sample.decodesEqual(sample.bytes))
        _ = try sample.describe()
    }

    @Test(arguments: samples) func truncationThrows(_ sample: StructureSample) {
        for count in 0..<sample.minimum {
            #expect(throws: TPMResult.self) { try sample.decodesEqual(Array(sample.bytes.prefix(count))) }
        }
    }

    @Test(arguments: samples) func trailingByteThrows(_ sample: StructureSample) {
        guard sample.minimum == sample.bytes.count else { return }
        #expect(throws: TPMResult.badParamSize) { try sample.decodesEqual(sample.bytes + [0]) }
    }

    @Test(arguments: samples) func damageNeverTraps(_ sample: StructureSample) {
        for index in sample.bytes.indices {
            for value: UInt8 in [0x00, 0x7f, 0xff] {
                var bytes = sample.bytes
                bytes[index] = value
                _ = try? sample.decodesEqual(bytes)
            }
        }
    }

    private func patched(_ value: some WireStructure, _ index: Int, _ byte: UInt8) throws -> [UInt8] {
        var bytes = try value.encoded()
        bytes[index] = byte
        return bytes
    }

    @Test func wrongTags() throws {
        #expect(code(CounterValue.self, try patched(CounterValue(), 1, 0)) == .invalidStructure)
        #expect(code(SignInfo.self, try patched(SignInfo(), 1, 0)) == .invalidStructure)
        #expect(code(CMKMigAuth.self, try patched(CMKMigAuth(), 1, 0)) == .invalidStructure)
        #expect(code(CMKSigTicket.self, try patched(CMKSigTicket(), 1, 0)) == .invalidStructure)
        #expect(code(CMKMAApproval.self, try patched(CMKMAApproval(), 1, 0)) == .invalidStructure)
        #expect(code(PCRInfoLong.self, try patched(long, 1, 7)) == .invalidStructure)
        #expect(code(StoredData12.self, try patched(StoredData12(), 1, 0)) == .invalidStructure)
        #expect(code(StoredData.self, try patched(StoredData(), 1, 2)) == .badVersion)
        #expect(code(BoundData.self, try patched(BoundData(), 0, 2)) == .badVersion)
        #expect(code(Key.self, try patched(key(.key12, .none), 1, 0x29)) == .badVersion)
        #expect(code(Key.self, try patched(key(.key12, .none), 3, 1)) == .invalidStructure)
        #expect(code(Key.self, try patched(key(.key11, .none), 3, 1)) == nil)
    }

    @Test func badFields() throws {
        let sample = key(.key12, .none)
        #expect(code(Key.self, try patched(sample, 5, 0x17)) == .invalidKeyUsage)
        #expect(code(Key.self, try patched(sample, 9, 0x20)) == .badParameter)
        #expect(code(Key.self, try patched(sample, 10, 2)) == .badParameter)
        #expect(code(Key.self, try patched(sample, 14, 2)) == .badKeyProperty)
        #expect(code(Key.self, try patched(sample, 16, 6)) == .inappropriateEnc)
        #expect(code(Key.self, try patched(sample, 18, 5)) == .inappropriateSig)
        #expect(code(PCRInfoLong.self, try patched(long, 2, 0x20)) == .invalidPCRInfo)
        #expect(code(PCRInfoLong.self, try patched(long, 3, 0)) == .invalidPCRInfo)
        #expect(code(PCRSelection.self, [0, 0]) == .invalidPCRInfo)
        #expect(code(PCRSelection.self, [0, 4, 0, 0, 0, 0]) == .invalidPCRInfo)
        #expect(code(MSAComposite.self, [0, 0, 0, 0]) == .invalidStructure)
        #expect(code(MSAComposite.self, [0xff, 0xff, 0xff, 0xff]) == .badParamSize)
    }

    @Test func knownSelection() throws {
        #expect(try selection.encoded() == [0, 3, 0x81, 0x04, 0x80])
        #expect(selection.indices == [0, 7, 10, 23])
        #expect(try PCRSelection(indices: [8], sizeOfSelect: 2).encoded() == [0, 2, 0, 1])
    }

    @Test func knownInfoLong() throws {
        let expected: [UInt8] = [0, 6, 0x02, 0x05, 0, 3, 0x81, 0x04, 0x80, 0, 2, 0x02, 0x00]
        #expect(try long.encoded() == expected + digestA.bytes + digestB.bytes)
    }

    @Test func knownKey() throws {
        let head: [UInt8] = [1, 1, 0, 0, 0, 0x11, 0, 0, 0, 2, 1]
        let parms: [UInt8] = [
            0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 15, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 3, 1, 0, 1,
        ]
        let open = head + parms + [0, 0, 0, 0] + [0, 0, 0, 4, 1, 2, 3, 4]
        let sample = key(.key11, .none)
        #expect(try sample.publicPart() == open)
        #expect(try sample.encoded() == open + [0, 0, 0, 3, 9, 8, 7])
        #expect(try sample.pubkey.encoded() == parms + [0, 0, 0, 4, 1, 2, 3, 4])
        #expect(sample.algorithmParms.rsa?.publicExponent == 65537)
    }

    @Test func mappings() {
        #expect(PCRInfo(PCRInfoLong(info)) == info)
        #expect(PCRInfo(long).digestAtCreation.isZero)
        #expect(PCRInfoShort(info).localityAtRelease == .all)
        #expect(PCRInfoLong(PCRInfoShort(long)).creationPCRSelection == PCRSelection(sizeOfSelect: 2, bits: 0))
        #expect(throws: TPMResult.invalidStructure) { try key(.key11, .long(long)).encoded() }
    }
}
