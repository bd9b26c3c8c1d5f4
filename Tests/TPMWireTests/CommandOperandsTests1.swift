import Testing
import TPMCrypto

@testable import TPMWire

/// The operands of Part 3, chapters 5 to 10, 14 and 17, against bytes written out by hand.
@Suite struct CommandOperandsTests1 {
    // MARK: - The bytes and the values they stand for

    /// TPM_KEY_PARMS: RSA, OAEP, no signature, 12 bytes of parameters: 2048 bits, 2 primes, no exponent.
    private let parmsBytes = "00000001 0003 0001 0000000c 00000800 00000002 00000000"
    private let parms = KeyParms(
        algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none, parms: .rsa(RSAKeyParms()))

    private var pubkeyBytes: String { parmsBytes + "00000002 aabb" }
    private var pubkey: Pubkey { Pubkey(algorithmParms: parms, pubKey: StorePubkey(key: [0xaa, 0xbb])) }

    /// Form, storage, no flags, always, parameters, no PCR info, a modulus of 2 bytes, 1 byte of encData.
    private var key11Bytes: String { "01010000 0011 00000000 01" + parmsBytes + "00000000 00000002 aabb 00000001 ee" }
    private var key12Bytes: String { "00280000 0011 00000000 01" + parmsBytes + "00000000 00000002 aabb 00000001 ee" }

    private func key(_ form: Key.Form) -> Key {
        Key(
            form: form, keyUsage: .storage, keyFlags: [], authDataUsage: .always, algorithmParms: parms,
            pcrInfo: .none, pubKey: StorePubkey(key: [0xaa, 0xbb]), encData: [0xee])
    }

    private let handle = KeyHandle(rawValue: 0x0102_0304)
    private let handleBytes = "01020304"
    private let nonce = Digest(repeating: 0x5a)
    private let nonceBytes = String(repeating: "5a", count: 20)
    private let auth = Secret([UInt8](repeating: 0xa7, count: 20))
    private let authBytes = String(repeating: "a7", count: 20)

    private func hex(_ text: String) throws -> [UInt8] {
        let digits = text.filter { $0 != " " }
        try #require(digits.count.isMultiple(of: 2))
        return try stride(from: 0, to: digits.count, by: 2).map { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return try #require(UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16))
        }
    }

    /// Both walks of the operands write the bytes and read them back, and miss any byte that is not there.
    private func expect<T: Operands & Equatable>(
        _ value: T, handles handleText: String = "", is text: String,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let handles = try hex(handleText)
        let parameters = try hex(text)
        var copy = value
        var encoder = WireEncoder()
        try copy.handles(&encoder)
        #expect(encoder.bytes == handles, sourceLocation: location)
        #expect(try value.encoded() == parameters, sourceLocation: location)
        var decoder = WireDecoder(handles + parameters)
        var decoded = T()
        try decoded.handles(&decoder)
        #expect(decoder.remaining == parameters.count, sourceLocation: location)
        try decoded.code(&decoder)
        try decoder.finish()
        #expect(decoded == value, sourceLocation: location)
        for count in parameters.indices {
            #expect(throws: TPMResult.badParamSize, sourceLocation: location) {
                try WireDecoder.decode(T.self, from: parameters.prefix(count))
            }
        }
    }

    // MARK: - Commands as such

    private static let ordinals: [(any Command.Type, UInt32)] = [
        (SetOwnerInstall.self, 0x71), (OwnerSetDisable.self, 0x6e), (PhysicalEnable.self, 0x6f),
        (PhysicalDisable.self, 0x70), (PhysicalSetDeactivated.self, 0x72), (SetTempDeactivated.self, 0x73),
        (SetOperatorAuth.self, 0x74), (TakeOwnership.self, 0x0d), (OwnerClear.self, 0x5b),
        (ForceClear.self, 0x5d), (DisableOwnerClear.self, 0x5c), (DisableForceClear.self, 0x5e),
        (TSCPhysicalPresence.self, 0x4000_000a), (TSCResetEstablishmentBit.self, 0x4000_000b),
        (GetCapability.self, 0x65), (SetCapability.self, 0x3f), (GetCapabilityOwner.self, 0x66),
        (ResetLockValue.self, 0x40), (Seal.self, 0x17), (Unseal.self, 0x18), (UnBind.self, 0x1e),
        (CreateWrapKey.self, 0x1f), (LoadKey2.self, 0x41), (GetPubKey.self, 0x21), (Sealx.self, 0x3d),
        (CreateEndorsementKeyPair.self, 0x78), (CreateRevocableEK.self, 0x7f), (RevokeTrust.self, 0x80),
        (ReadPubek.self, 0x7c), (OwnerReadInternalPub.self, 0x81), (ChangeAuth.self, 0x0c),
        (ChangeAuthOwner.self, 0x10),
    ]

    @Test func everyCommandHasItsOrdinal() {
        for (command, ordinal) in Self.ordinals {
            #expect(command.ordinal.rawValue == ordinal, "\(command)")
        }
    }

    @Test func commandsWithoutOperandsHaveNone() {
        func operands<C: Command>(_ command: C.Type) -> [any Operands.Type] { [C.Request.self, C.Response.self] }
        let bare: [any Command.Type] = [
            PhysicalEnable.self, PhysicalDisable.self, SetTempDeactivated.self, OwnerClear.self, ForceClear.self,
            DisableOwnerClear.self, DisableForceClear.self, TSCResetEstablishmentBit.self, ResetLockValue.self,
        ]
        for command in bare {
            #expect(operands(command).allSatisfy { $0 == NoOperands.self }, "\(command)")
        }
    }

    // MARK: - Chapters 5 to 9

    @Test func optIn() throws {
        try expect(SetOwnerInstall.Request(state: true), is: "01")
        try expect(OwnerSetDisable.Request(disableState: true), is: "01")
        try expect(PhysicalSetDeactivated.Request(state: false), is: "00")
        try expect(SetOperatorAuth.Request(operatorAuth: auth), is: authBytes)
    }

    @Test func aStateThatIsNeitherTrueNorFalseIsBadParameter() {
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(SetOwnerInstall.Request.self, from: [2]) }
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(OwnerSetDisable.Request.self, from: [255]) }
    }

    @Test func ownership() throws {
        try expect(
            TakeOwnership.Request(encOwnerAuth: [1, 2, 3], encSrkAuth: [4], srkParams: key(.key12)),
            is: "0005 00000003 010203 00000001 04" + key12Bytes)
        try expect(TakeOwnership.Response(srkPub: key(.key11)), is: key11Bytes)
        try expect(TSCPhysicalPresence.Request(physicalPresence: [.present, .cmdEnable]), is: "0028")
    }

    @Test func anUnknownOwnershipProtocolAndAnUndefinedPresenceBitAreBadParameter() throws {
        let ownership = try hex("0008 00000000 00000000" + key12Bytes)
        #expect(throws: TPMResult.badParameter) {
            try WireDecoder.decode(TakeOwnership.Request.self, from: ownership)
        }
        #expect(throws: TPMResult.badParameter) {
            try WireDecoder.decode(TSCPhysicalPresence.Request.self, from: [0x04, 0x00])
        }
    }

    @Test func capability() throws {
        try expect(
            GetCapability.Request(capArea: 0xfedc_ba98, subCap: [0, 0, 1, 3]), is: "fedcba98 00000004 00000103")
        try expect(GetCapability.Request(capArea: 6), is: "00000006 00000000")
        try expect(GetCapability.Response(resp: [7, 8]), is: "00000002 0708")
        try expect(
            SetCapability.Request(capArea: 1, subCap: [2, 3], setValue: [4]),
            is: "00000001 00000002 0203 00000001 04")
        try expect(
            GetCapabilityOwner.Response(
                version: Version(major: 1, minor: 2, revMajor: 3, revMinor: 4), nonVolatileFlags: 0x0a0b_0c0d,
                volatileFlags: 0x1a1b_1c1d),
            is: "01020304 0a0b0c0d 1a1b1c1d")
    }

    // MARK: - Chapter 10

    @Test func sealing() throws {
        let blob = SealedBlob.storedData(StoredData(sealInfo: nil, encData: [0xee, 0xef]))
        let blobBytes = "01010000 00000000 00000002 eeef"
        let blob12 = SealedBlob.storedData12(
            StoredData12(et: EntityType(scheme: .xor, kind: .key), sealInfo: nil, encData: [0xed]))
        let blob12Bytes = "0016 0005 00000000 00000001 ed"
        try expect(
            Seal.Request(keyHandle: handle, encAuth: auth, pcrInfo: [1, 2, 3], inData: Secret([4, 5])),
            handles: handleBytes, is: authBytes + "00000003 010203 00000002 0405")
        try expect(Seal.Response(sealedData: blob), is: blobBytes)
        try expect(
            Sealx.Request(keyHandle: handle, encAuth: auth, inData: Secret([6])),
            handles: handleBytes, is: authBytes + "00000000 00000001 06")
        try expect(Sealx.Response(sealedData: blob12), is: blob12Bytes)
        try expect(Unseal.Request(parentHandle: handle, inData: blob), handles: handleBytes, is: blobBytes)
        try expect(Unseal.Request(parentHandle: .srk, inData: blob12), handles: "40000000", is: blob12Bytes)
        try expect(Unseal.Response(secret: Secret([9, 8, 7])), is: "00000003 090807")
        try expect(UnBind.Request(keyHandle: handle, inData: [1, 2]), handles: handleBytes, is: "00000002 0102")
        try expect(UnBind.Response(outData: Secret([3])), is: "00000001 03")
    }

    @Test func keys() throws {
        let migration = Secret([UInt8](repeating: 0xb8, count: 20))
        try expect(
            CreateWrapKey.Request(
                parentHandle: handle, dataUsageAuth: auth, dataMigrationAuth: migration, keyInfo: key(.key11)),
            handles: handleBytes, is: authBytes + String(repeating: "b8", count: 20) + key11Bytes)
        try expect(CreateWrapKey.Response(wrappedKey: key(.key12)), is: key12Bytes)
        try expect(LoadKey2.Request(parentHandle: .srk, inKey: key(.key12)), handles: "40000000", is: key12Bytes)
        try expect(LoadKey2.Response(inkeyHandle: handle), handles: handleBytes, is: "")
        try expect(GetPubKey.Request(keyHandle: handle), handles: handleBytes, is: "")
        try expect(GetPubKey.Response(pubKey: pubkey), is: pubkeyBytes)
    }

    @Test func aDescriberNamesAHandleOnOneLineAndMasksWhatIsSealed() throws {
        var request = Seal.Request(keyHandle: .srk, encAuth: auth, inData: Secret([4, 5]))
        var describer = WireDescriber()
        try request.handles(&describer)
        try request.code(&describer)
        #expect(
            describer.fields.map { "\($0.depth) \($0.name) \($0.value)" } == [
                "0 keyHandle 0x40000000", "0 encAuth <20 secret bytes>", "0 pcrInfoSize 0", "0 pcrInfo ",
                "0 inDataSize 2", "0 inData <2 secret bytes>",
            ])
    }

    // MARK: - Chapters 14 and 17

    @Test func endorsementKey() throws {
        let checksum = Digest(repeating: 0xc4)
        let checksumBytes = String(repeating: "c4", count: 20)
        try expect(
            CreateEndorsementKeyPair.Request(antiReplay: nonce, keyInfo: parms), is: nonceBytes + parmsBytes)
        try expect(
            CreateEndorsementKeyPair.Response(pubEndorsementKey: pubkey, checksum: checksum),
            is: pubkeyBytes + checksumBytes)
        try expect(
            CreateRevocableEK.Request(antiReplay: nonce, keyInfo: parms, generateReset: true, inputEKreset: auth),
            is: nonceBytes + parmsBytes + "01" + authBytes)
        try expect(
            CreateRevocableEK.Response(pubEndorsementKey: pubkey, checksum: checksum, outputEKreset: auth),
            is: pubkeyBytes + checksumBytes + authBytes)
        try expect(RevokeTrust.Request(ekReset: auth), is: authBytes)
        try expect(ReadPubek.Request(antiReplay: nonce), is: nonceBytes)
        try expect(
            ReadPubek.Response(pubEndorsementKey: pubkey, checksum: checksum), is: pubkeyBytes + checksumBytes)
        // This handle enters the HMAC, so it is a parameter.
        try expect(OwnerReadInternalPub.Request(keyHandle: .ek), is: "40000006")
        try expect(OwnerReadInternalPub.Response(publicPortion: pubkey), is: pubkeyBytes)
    }

    @Test func changingAuthData() throws {
        try expect(
            ChangeAuth.Request(
                parentHandle: handle, newAuth: auth, entityType: EntityType(kind: .key), encData: [1, 2]),
            handles: handleBytes, is: "0004" + authBytes + "0005 00000002 0102")
        try expect(ChangeAuth.Response(outData: [3, 4, 5]), is: "00000003 030405")
        try expect(
            ChangeAuthOwner.Request(newAuth: auth, entityType: EntityType(rawValue: 0xfffe)),
            is: "0004" + authBytes + "fffe")
    }

    @Test func anUnknownChangeProtocolIsBadParameter() throws {
        let owner = try hex("0000" + authBytes + "0002")
        let entity = try hex("0008" + authBytes + "0005 00000000")
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(ChangeAuthOwner.Request.self, from: owner) }
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(ChangeAuth.Request.self, from: entity) }
    }
}
