import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapters 11, 12 and 27.4, against bytes written out by hand.
@Suite struct MigrationCommandTests {
    private let digest = Digest(repeating: 0xb2)
    private let digestBytes = repeated("b2", 20)
    private let keyAuth = MigrationKeyAuth(
        migrationKey: Given.pubkey, migrationScheme: .rewrap, digest: Digest(repeating: 0xc3))
    private let keyAuthBytes = Given.pubkeyBytes + "0002" + repeated("c3", 20)
    private let list = MSAComposite(migAuthDigest: [Digest(repeating: 0xd4)])
    private let listBytes = "00000018 00000001" + repeated("d4", 20)

    @Test func migration() throws {
        try expect(
            CreateMigrationBlob.Request(
                parentHandle: Given.handle, migrationType: .rewrap, migrationKeyAuth: keyAuth, encData: [1, 2]),
            handles: Given.handleBytes, is: "0002" + keyAuthBytes + "00000002 0102")
        try expect(MigrationBlob(random: [1], outData: [2, 3]), is: "00000001 01 00000002 0203")
        try expect(
            ConvertMigrationBlob.Request(parentHandle: .srk, inData: [1], random: [2, 3]), handles: "40000000",
            is: "00000001 01 00000002 0203")
        try expect(ConvertMigrationBlob.Response(outData: [4]), is: "00000001 04")
        try expect(
            AuthorizeMigrationKey.Request(migrationScheme: .restrictApprove, migrationKey: Given.pubkey),
            is: "0005" + Given.pubkeyBytes)
        try expect(AuthorizeMigrationKey.Response(outData: keyAuth), is: keyAuthBytes)
        try expect(
            MigrateKey.Request(maKeyHandle: Given.handle, pubKey: Given.pubkey, inData: [5]),
            handles: Given.handleBytes, is: Given.pubkeyBytes + "00000001 05")
        try expect(MigrateKey.Response(outData: [6]), is: "00000001 06")
    }

    @Test func certifiedMigrationKeys() throws {
        try expect(CMKSetRestrictions.Request(restriction: [.signing, .migrate]), is: "88000000")
        try expectCode(.badParameter, for: CMKSetRestrictions.Request(restriction: []), with: 1, at: 3)
        try expect(CMKApproveMA.Request(migrationAuthorityDigest: digest), is: digestBytes)
        try expect(CMKApproveMA.Response(outData: digest), is: digestBytes)
        try expect(
            CMKCreateKey.Request(
                parentHandle: Given.handle, dataUsageAuth: Given.auth, keyInfo: Given.key(.key12),
                migrationAuthorityApproval: digest, migrationAuthorityDigest: Given.nonce),
            handles: Given.handleBytes, is: Given.authBytes + Given.key12Bytes + digestBytes + Given.nonceBytes)
        try expect(CMKCreateKey.Response(wrappedKey: Given.key(.key12)), is: Given.key12Bytes)
        try expect(
            CMKCreateTicket.Request(verificationKey: Given.pubkey, signedData: digest, signatureValue: [7, 8]),
            is: Given.pubkeyBytes + digestBytes + "00000002 0708")
        try expect(CMKCreateTicket.Response(sigTicket: digest), is: digestBytes)
    }

    @Test func certifiedMigration() throws {
        let blob = CMKCreateBlob.Request(
            parentHandle: Given.handle, migrationType: .restrictApprove, migrationKeyAuth: keyAuth,
            pubSourceKeyDigest: digest, msaList: list, restrictTicket: [1], sigTicket: [2, 3], encData: [4])
        try expect(
            blob, handles: Given.handleBytes,
            is: "0005" + keyAuthBytes + digestBytes + listBytes + "00000001 01 00000002 0203 00000001 04")
        let approval = CMKAuth(
            migrationAuthorityDigest: digest, destinationKeyDigest: Given.nonce, sourceKeyDigest: digest)
        try expect(
            CMKConvertMigration.Request(
                parentHandle: Given.handle, restrictTicket: approval, sigTicket: digest,
                migratedKey: Given.key(.key12), msaList: list, random: [9]),
            handles: Given.handleBytes,
            is: digestBytes + Given.nonceBytes + digestBytes + digestBytes + Given.key12Bytes + listBytes
                + "00000001 09")
        try expect(CMKConvertMigration.Response(outData: [1]), is: "00000001 01")
    }

    @Test func aListOfAuthoritiesFillsItsSizeAndIsNotEmpty() throws {
        let head = "0005" + keyAuthBytes + digestBytes
        let tail = "00000000 00000000 00000000"
        func answer(_ list: String) throws -> TPMResult? {
            code(CMKCreateBlob.Request.self, try hex(head + list + tail))
        }
        #expect(try answer(listBytes) == nil)
        #expect(try answer("00000000") == .invalidStructure)
        #expect(try answer("00000004 00000000") == .invalidStructure)
        #expect(try answer("00000017 00000001" + repeated("d4", 20)) == .badParamSize)
        #expect(try answer("00000019 00000001" + repeated("d4", 21)) == .badParamSize)
        #expect(try answer("00000018 ffffffff" + repeated("d4", 20)) == .badParamSize)
        #expect(try answer("ffffffff 00000001" + repeated("d4", 20)) == .badParamSize)
    }

    @Test func maintenance() throws {
        try expect(CreateMaintenanceArchive.Request(generateRandom: true), is: "01")
        try expectCode(.badParameter, for: CreateMaintenanceArchive.Request(generateRandom: true), with: 2, at: 0)
        try expect(
            CreateMaintenanceArchive.Response(random: [1], archive: [2, 3]), is: "00000001 01 00000002 0203")
        try expect(
            LoadMaintenanceArchive.Request(archive: [1], random: [2, 3], signature: [4]),
            is: "00000001 01 00000002 0203 00000001 04")
        try expect(
            LoadManuMaintPub.Request(antiReplay: Given.nonce, pubKey: Given.pubkey),
            is: Given.nonceBytes + Given.pubkeyBytes)
        try expect(LoadManuMaintPub.Response(checksum: digest), is: digestBytes)
        try expect(ReadManuMaintPub.Request(antiReplay: Given.nonce), is: Given.nonceBytes)
        try expect(ReadManuMaintPub.Response(checksum: digest), is: digestBytes)
    }

    @Test func changingASecretWithAnEphemeralKey() throws {
        try expect(
            ChangeAuthAsymStart.Request(idHandle: Given.handle, antiReplay: Given.nonce, tempKey: Given.parms),
            handles: Given.handleBytes, is: Given.nonceBytes + Given.parmsBytes)
        var info = CertifyInfo()
        info.keyUsage = .authChange
        info.keyFlags = .isVolatile
        info.authDataUsage = .never
        info.algorithmParms = Given.parms
        info.pubkeyDigest = digest
        info.data = Given.nonce
        let infoBytes = "01010000 0013 00000004 00" + Given.parmsBytes + digestBytes + Given.nonceBytes + "00 00000000"
        // The handle stands among the parameters.
        try expect(
            ChangeAuthAsymStart.Response(
                certifyInfo: info, sig: [1, 2], ephHandle: Given.handle, tempKey: Given.key(.key11)),
            is: infoBytes + "00000002 0102" + Given.handleBytes + Given.key11Bytes)
        try expect(
            ChangeAuthAsymFinish.Request(
                parentHandle: .srk, ephHandle: Given.handle, entityType: EntityType(kind: .key), newAuthLink: digest,
                encNewAuth: [1], encData: [2, 3]),
            handles: "40000000" + Given.handleBytes, is: "0005" + digestBytes + "00000001 01 00000002 0203")
        try expect(
            ChangeAuthAsymFinish.Response(outData: [1], saltNonce: Given.nonce, changeProof: digest),
            is: "00000001 01" + Given.nonceBytes + digestBytes)
    }
}
