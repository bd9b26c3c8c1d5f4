import CTSS2
import Glibc
import TPMCrypto

// tpm2-tss has buffers of fixed size with a count before them. No count is believed without a look at the buffer.

/// The first bytes of a buffer.
func bytes<Buffer>(_ buffer: Buffer, count: UInt16) throws -> [UInt8] {
    try withUnsafeBytes(of: buffer) { raw in
        guard Int(count) <= raw.count else { throw AnchorError.failed("it announced more bytes than it can send.") }
        return Array(raw.prefix(Int(count)))
    }
}

/// The first bytes of a buffer, as a secret of which this leaves no copy.
func secret<Buffer>(_ buffer: inout Buffer, count: UInt16) throws -> Secret {
    try withUnsafeBytes(of: &buffer) { raw in
        guard Int(count) <= raw.count else { throw AnchorError.failed("it announced more bytes than it can send.") }
        return Secret(UnsafeRawBufferPointer(rebasing: raw.prefix(Int(count))))
    }
}

/// Puts bytes into a buffer and returns how many.
func fill<Buffer>(_ buffer: inout Buffer, with bytes: Secret) throws -> UInt16 {
    try withUnsafeMutableBytes(of: &buffer) { raw in
        guard bytes.count <= raw.count else {
            throw AnchorError.unfit("\(bytes.count) bytes are too many for a TPM 2.0, which takes \(raw.count) here.")
        }
        bytes.withUnsafeBytes { raw.copyMemory(from: $0) }
        return UInt16(clamping: bytes.count)
    }
}

func fill<Buffer>(_ buffer: inout Buffer, with bytes: [UInt8]) throws -> UInt16 {
    try fill(&buffer, with: Secret(bytes))
}

/// Overwrites a structure.
func wipe<T>(_ value: inout T) {
    withUnsafeMutableBytes(of: &value) { raw in
        if let start = raw.baseAddress { explicit_bzero(start, raw.count) }
    }
}

// MARK: - PCRs

extension TPML_PCR_SELECTION {
    /// PCRs of the SHA-256 bank.
    init(_ indices: some Sequence<Int>) {
        self.init()
        var map: UInt32 = 0
        for index in indices where AnchorLimit.pcrIndices.contains(index) { map |= 1 << UInt32(index) }
        count = 1
        pcrSelections.0.hash = TPM2_ALG_SHA256
        pcrSelections.0.sizeofSelect = 3
        pcrSelections.0.pcrSelect = (
            UInt8(truncatingIfNeeded: map), UInt8(truncatingIfNeeded: map >> 8), UInt8(truncatingIfNeeded: map >> 16), 0
        )
    }

    /// The PCRs in order; nil when there is not one bank and that SHA-256.
    var indices: [Int]? {
        guard count <= 1 else { return nil }
        guard count == 1 else { return [] }
        let selection = pcrSelections.0
        let map = withUnsafeBytes(of: selection.pcrSelect) { Array($0) }
        guard selection.hash == TPM2_ALG_SHA256, Int(selection.sizeofSelect) <= map.count else { return nil }
        return AnchorLimit.pcrIndices.filter {
            $0 / 8 < selection.sizeofSelect && map[$0 / 8] >> UInt8($0 % 8) & 1 == 1
        }
    }
}

extension TPML_DIGEST {
    var values: [[UInt8]] {
        get throws {
            let list = withUnsafeBytes(of: digests) { Array($0.bindMemory(to: TPM2B_DIGEST.self)) }
            guard Int(count) <= list.count else { throw ESYS.senseless("TPM2_PCR_Read") }
            return try list.prefix(Int(count)).map { try bytes($0.buffer, count: $0.size) }
        }
    }
}

// MARK: - Keys

extension TPM2B_PUBLIC {
    /// The key with which an anchor's others are wrapped: ECC, which is made quickly, from a fixed template.
    ///
    /// - Parameter label: makes it another key for each anchor on the TPM.
    static func parent(_ label: AnchorLabel) throws -> TPM2B_PUBLIC {
        var key = object(TPM2_ALG_ECC, TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH)
        key.publicArea.objectAttributes |= TPMA_OBJECT_SENSITIVEDATAORIGIN
        key.publicArea.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_AES
        key.publicArea.parameters.eccDetail.symmetric.keyBits.aes = 128
        key.publicArea.parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CFB
        key.publicArea.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL
        key.publicArea.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256
        key.publicArea.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL
        var unique = TPMS_ECC_POINT()
        unique.x.size = try fill(&unique.x.buffer, with: SHA256.hash(label.bytes))
        unique.y.size = try fill(&unique.y.buffer, with: [UInt8](repeating: 0, count: SHA256.byteCount))
        key.publicArea.unique.ecc = unique
        return key
    }

    /// RSA of 2048 bits that signs nothing but the TPM's own statements, PKCS #1 v1.5 with SHA-256.
    static func quoting() -> TPM2B_PUBLIC {
        var key = rsa(TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT)
        key.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA
        key.publicArea.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256
        return key
    }

    /// RSA of 2048 bits that decrypts OAEP with SHA-256.
    static func receiving() -> TPM2B_PUBLIC {
        var key = rsa(TPMA_OBJECT_DECRYPT)
        key.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_OAEP
        key.publicArea.parameters.rsaDetail.scheme.details.oaep.hashAlg = TPM2_ALG_SHA256
        return key
    }

    /// A secret that opens for its authorization, and with a policy only if that is fulfilled, too.
    static func sealed(policy: [UInt8]?) throws -> TPM2B_PUBLIC {
        var object = object(TPM2_ALG_KEYEDHASH, policy == nil ? TPMA_OBJECT_USERWITHAUTH : 0)
        object.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL
        if let policy {
            object.publicArea.authPolicy.size = try fill(&object.publicArea.authPolicy.buffer, with: policy)
        }
        return object
    }

    private static func rsa(_ attributes: TPMA_OBJECT) -> TPM2B_PUBLIC {
        var key = object(TPM2_ALG_RSA, attributes | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH)
        key.publicArea.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL
        key.publicArea.parameters.rsaDetail.keyBits = 2048
        return key
    }

    /// An object that stays in this TPM and under this parent. Its authorization has so many random bits that nobody
    /// guesses it, so wrong guesses need not lock it.
    private static func object(_ type: TPMI_ALG_PUBLIC, _ attributes: TPMA_OBJECT) -> TPM2B_PUBLIC {
        var object = TPM2B_PUBLIC()
        object.publicArea.type = type
        object.publicArea.nameAlg = TPM2_ALG_SHA256
        object.publicArea.objectAttributes =
            attributes | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA
        return object
    }

    /// The RSA key, if it is one.
    func rsaKey() throws -> RSAPublicKey {
        guard publicArea.type == TPM2_ALG_RSA else { throw AnchorError.damaged("The key is not RSA.") }
        let exponent = publicArea.parameters.rsaDetail.exponent
        let modulus = publicArea.unique.rsa
        return try RSAPublicKey(
            modulus: try bytes(modulus.buffer, count: modulus.size), exponent: exponent == 0 ? 65537 : exponent)
    }
}

// MARK: - The wire form

extension TPM2B_PUBLIC {
    func encoded() throws -> [UInt8] {
        var value = self
        return try marshalled { Tss2_MU_TPM2B_PUBLIC_Marshal(&value, $0, $1, &$2) }
    }

    /// Takes all bytes.
    init(decoding bytes: [UInt8]) throws {
        self.init()
        try unmarshal(bytes) { Tss2_MU_TPM2B_PUBLIC_Unmarshal($0, $1, &$2, &self) }
    }
}

extension TPM2B_PRIVATE {
    func encoded() throws -> [UInt8] {
        var value = self
        return try marshalled { Tss2_MU_TPM2B_PRIVATE_Marshal(&value, $0, $1, &$2) }
    }

    /// Takes all bytes.
    init(decoding bytes: [UInt8]) throws {
        self.init()
        try unmarshal(bytes) { Tss2_MU_TPM2B_PRIVATE_Unmarshal($0, $1, &$2, &self) }
    }
}

private func marshalled(
    _ body: (UnsafeMutablePointer<UInt8>?, Int, inout Int) -> TSS2_RC
) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var count = 0
    let code = buffer.withUnsafeMutableBufferPointer { body($0.baseAddress, $0.count, &count) }
    guard code == 0, count <= buffer.count else { throw TPM20Error(code: code, command: "encoding a key") }
    return Array(buffer.prefix(count))
}

private func unmarshal(
    _ bytes: [UInt8], _ body: (UnsafePointer<UInt8>?, Int, inout Int) -> TSS2_RC
) throws {
    var count = 0
    let code = bytes.withUnsafeBufferPointer { body($0.baseAddress, $0.count, &count) }
    guard code == 0, count == bytes.count else { throw AnchorError.damaged("A key of the TPM does not decode.") }
}
