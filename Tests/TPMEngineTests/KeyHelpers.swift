import TPMClient
import TPMCrypto
import TPMWire

@testable import TPMEngine

extension OwnedTPM {
    /// An OIAP session for a key whose secret is ``keyAuth``, or another's.
    func keySession(_ secret: Secret = keyAuth, continues: Bool = false) throws -> Session {
        try client.oiap(secret, continues: continues)
    }

    /// An OSAP session for a loaded key.
    func keyOSAP(
        _ handle: KeyHandle, _ secret: Secret = keyAuth, scheme: ADIPScheme = .xor, continues: Bool = false
    ) throws -> Session {
        try client.osap(.keyHandle, handle.rawValue, secret: secret, scheme: scheme, continues: continues)
    }

    /// The public key of a loaded key or the SRK, for encryption and verification.
    func publicKey(_ handle: KeyHandle) throws -> RSAPublicKey {
        let key = handle == .srk ? tpm.state.permanent.ownership?.srk : tpm.state.keys[handle]
        let parms = key?.key.algorithmParms.rsa
        return try RSAPublicKey(modulus: key?.key.pubKey.key ?? [], exponent: parms?.publicExponent ?? 0)
    }

    func flush(_ handle: KeyHandle) throws {
        try client.execute(FlushSpecific.self, .init(handle: handle.rawValue, resourceType: .key))
    }

    /// Sets a register that every locality may extend to something else.
    func extend(_ pcr: UInt32) throws {
        try client.execute(Extend.self, .init(pcrNum: pcr, inDigest: Digest(repeating: 0x5a)))
    }

    /// The digest of one register as it is now, its selection and value written out (Part 2, 5.4.1).
    func composite(_ pcr: Int, sizeOfSelect: Int = 3) -> Digest {
        var map = [UInt8](repeating: 0, count: sizeOfSelect)
        map[pcr / 8] = 1 << UInt8(pcr % 8)
        return SHA1.hash([0, UInt8(sizeOfSelect)] + map + [0, 0, 0, 20] + tpm.state.clear.pcrs[pcr].bytes)
    }

    /// A binding of 1.1 to a register as it is now.
    func pcrInfo(_ pcr: Int) -> PCRInfo {
        PCRInfo(
            pcrSelection: PCRSelection(indices: [pcr]), digestAtRelease: composite(pcr), digestAtCreation: .zero)
    }

    /// A binding of 1.2 to a register as it is now and to localities.
    func pcrInfoLong(_ pcr: Int, localities: LocalitySelection = .all) -> PCRInfoLong {
        PCRInfoLong(
            localityAtCreation: .all, localityAtRelease: localities,
            creationPCRSelection: PCRSelection(indices: [0, 1]), releasePCRSelection: PCRSelection(indices: [pcr]),
            digestAtCreation: .zero, digestAtRelease: composite(pcr))
    }

    /// A binding to localities and to no register.
    func pcrInfoLong(localities: LocalitySelection) -> PCRInfoLong {
        PCRInfoLong(
            localityAtCreation: .all, localityAtRelease: localities, creationPCRSelection: PCRSelection(),
            releasePCRSelection: PCRSelection(), digestAtCreation: .zero, digestAtRelease: .zero)
    }

    /// A blob for the SRK around a key that was not made by the TPM, as an outsider can make one.
    func wrapped(
        _ template: Key, modulus: [UInt8], prime: [UInt8], payload: PayloadType = .asym,
        migrationAuth: Secret = migrationAuth
    ) throws -> Key {
        var blob = template
        blob.pubKey.key = modulus
        let sensitive = StoreAsymkey(
            payload: payload, usageAuth: Self.keyAuth, migrationAuth: migrationAuth,
            pubDataDigest: SHA1.hash(try blob.publicPart()), privKey: StorePrivkey(key: Secret(prime)))
        blob.encData = try publicKey(.srk).encryptOAEP(
            try sensitive.encodedSecret(), random: SeededRandom(seed: Array("wrapped".utf8)))
        return blob
    }
}

/// The DigestInfo of a SHA-1 digest, byte by byte (PKCS #1, 9.2).
func digestInfo(_ digest: Digest) -> [UInt8] {
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14] + digest.bytes
}
