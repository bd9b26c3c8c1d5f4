import CTSS2
import TPMCrypto
import TPMWire

/// An anchor in a TPM 2.0: under the owner's hierarchy a parent of ECC, and wrapped with it an RSA key for quotes and one
/// to receive with, an NV index for the record and one that counts, all but the parent with one random authorization.
/// What a call loads it unloads.
///
/// Only what is made needs the owner's authorization; nothing that the anchor does afterwards.
public final class TPM20Anchor: HardwareAnchor {
    public let hardware: AnchorHardware
    public let identity: AnchorIdentity
    public let receivingKey: ReceivingKey
    public let quotingKey: [UInt8]
    public var pcrAlgorithm: PCRAlgorithm { .sha256 }

    private let access: TPM20Access
    private let keys: TPM20Keys
    private let storage: TPM20Storage

    /// Goes on with what was provisioned, after the TPM has proved that it is the one.
    ///
    /// - Throws: ``AnchorError/otherHardware(_:)``, ``AnchorError/missing(_:)``, ``AnchorError/unreachable(_:)`` and others.
    init(_ access: TPM20Access, _ material: AnchorMaterial) throws(AnchorError) {
        self.access = access
        keys = try TPM20Keys(material)
        storage = TPM20Storage(material.form)
        (identity, quotingKey, receivingKey) = (material.identity, keys.quotingDER, keys.receivingKey)
        hardware = try access.use { try AnchorHardware(tpm20: $0) }
        // A TPM that signs with the key has it, and the indices are whose secret is known.
        _ = try quote([0], nonce: try SystemRandom().nonce())
        try access.use { [storage] esys in
            _ = try storage.readRecord(esys)
            _ = try storage.readCounter(esys)
        }
    }

    // MARK: Random bytes, PCRs

    public func randomBytes(_ count: Int) throws(AnchorError) -> Secret {
        try SystemRandom().mixed(with: count) { (count) throws(AnchorError) in
            try access.use { try $0.randomBytes(count) }
        }
    }

    public func readPCRs(_ indices: Set<Int>) throws(AnchorError) -> PCRConfiguration {
        try PCRConfiguration.check(indices)
        return try PCRConfiguration(.sha256, try access.use { try $0.readPCRs(indices) })
    }

    // MARK: Sealing

    public func seal(_ secret: Secret, to configuration: PCRConfiguration?) throws(AnchorError) -> [UInt8] {
        try SealedSecret.check(secret, configuration, pcrAlgorithm)
        var sealed = SealedSecret()
        sealed.identity = identity
        sealed.configuration = configuration
        let made = try access.use { [keys, access] esys in
            let template = try TPM2B_PUBLIC.sealed(policy: configuration.map { $0.policy() })
            return try keys.withParent(esys, access) { parent in
                try esys.make(template, secret: keys.secret, holding: secret, under: parent)
            }
        }
        (sealed.publicPart, sealed.privatePart) = (made.publicPart, made.privatePart)
        return try sealed.bytes()
    }

    public func unseal(_ sealed: [UInt8]) throws(AnchorError) -> Secret {
        let sealed = try SealedSecret.decode(sealed, for: identity)
        return try access.use { [keys, access] esys in
            try keys.withParent(esys, access) { parent in
                try esys.withObject(sealed.publicPart, sealed.privatePart, secret: keys.secret, under: parent) {
                    object in
                    do {
                        return try esys.unseal(object, sealed.configuration?.indices)
                    } catch let error as TPM20Error where error.isOtherPolicy {
                        let expected = sealed.configuration
                        let present = try esys.readPCRs(expected?.indices ?? [])
                        throw AnchorError.otherConfiguration(
                            present.filter { expected?.values[$0.key] != $0.value }.map(\.key).sorted())
                    }
                }
            }
        }
    }

    // MARK: The counter, the record

    public func readCounter() throws(AnchorError) -> UInt64 {
        try access.use { [storage] in try storage.readCounter($0) }
    }

    @discardableResult
    public func incrementCounter() throws(AnchorError) -> UInt64 {
        try access.use { [storage] esys in
            try storage.incrementCounter(esys)
            return try storage.readCounter(esys)
        }
    }

    public func readRecord() throws(AnchorError) -> [UInt8] {
        try AnchorRecord.decode(try access.use { [storage] in try storage.readRecord($0) })
    }

    public func writeRecord(_ bytes: [UInt8]) throws(AnchorError) {
        let area = try AnchorRecord.encode(bytes)
        try access.use { [storage] in try storage.writeRecord(area, $0) }
    }

    // MARK: The keys

    public func quote(_ indices: Set<Int>, nonce: [UInt8]) throws(AnchorError) -> AnchorQuote {
        try PCRConfiguration.check(indices)
        try AnchorQuote.check(nonce: nonce)
        var flaw = QuoteFlaw.otherValues
        // A PCR may be extended between the reading and the signing, but not for ever.
        for _ in 0..<5 {
            let quote = try quoteOnce(indices, nonce)
            do throws(QuoteFlaw) {
                try quote.verify(by: quotingKey, nonce: nonce)
                return quote
            } catch {
                flaw = error
                if error != .otherValues { break }
            }
        }
        throw .failed("its quote is wrong. \(flaw)")
    }

    private func quoteOnce(_ indices: Set<Int>, _ nonce: [UInt8]) throws(AnchorError) -> AnchorQuote {
        let (values, statement, signature) = try access.use { [keys, access] esys in
            try keys.withParent(esys, access) { parent in
                try keys.withQuotingKey(esys, under: parent) { key in
                    let values = try esys.readPCRs(indices)
                    let (statement, signature) = try esys.quote(indices, nonce, with: key)
                    return (values, statement, signature)
                }
            }
        }
        return AnchorQuote(
            .attest, statement, signature: signature, key: quotingKey, try PCRConfiguration(.sha256, values))
    }

    public func receive(_ ciphertext: [UInt8]) throws(AnchorError) -> Secret {
        try access.use { [keys, access] esys in
            try keys.withParent(esys, access) { parent in
                try keys.withReceivingKey(esys, under: parent) { key in
                    try esys.decrypt(ciphertext, with: key)
                }
            }
        }
    }
}

extension PCRConfiguration {
    /// The policy of who knows the authorization while the PCRs have these values: TPM2_PolicyPCR and then
    /// TPM2_PolicyAuthValue (TPM 2.0 Part 3, 23.7 and 23.17).
    fileprivate func policy() -> [UInt8] {
        let selection = QuoteAttest.Selection(self)
        let list = SHA256.hash(
            [UInt8](repeating: 0, count: SHA256.byteCount), UInt32(TPM2_CC_PolicyPCR), UInt32(1), selection.hash,
            UInt8(clamping: selection.map.count), selection.map, digest)
        return SHA256.hash(list, UInt32(TPM2_CC_PolicyAuthValue))
    }
}

extension TPM20Error {
    /// Whether PCRs are not what a policy asks for.
    fileprivate var isOtherPolicy: Bool {
        response == vtpm_rc_policy_fail || response == vtpm_rc_pcr_changed
    }
}

extension ESYS {
    /// What a sealed object holds; the secret is encrypted on its way.
    ///
    /// - Parameter indices: the PCRs of its policy; nil when it has none.
    fileprivate func unseal(_ object: ESYS_TR, _ indices: Set<Int>?) throws -> Secret {
        try withSession(policy: indices != nil, encryption: TPMA_SESSION_ENCRYPT) { session in
            if let indices {
                var selection = TPML_PCR_SELECTION(indices)
                var present = TPM2B_DIGEST()
                try call("TPM2_PolicyPCR") { context in
                    Esys_PolicyPCR(
                        context, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &present, &selection)
                }
                try call("TPM2_PolicyAuthValue") { context in
                    Esys_PolicyAuthValue(context, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE)
                }
            }
            return try call("TPM2_Unseal") { context, data in
                Esys_Unseal(context, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data)
            } read: { (data: inout TPM2B_SENSITIVE_DATA) in
                try secret(&data.buffer, count: data.size)
            }
        }
    }

    /// A TPMS_ATTEST and its signature.
    fileprivate func quote(
        _ indices: Set<Int>, _ nonce: [UInt8], with key: ESYS_TR
    ) throws -> (statement: [UInt8], signature: [UInt8]) {
        var qualifying = TPM2B_DATA()
        qualifying.size = try fill(&qualifying.buffer, with: nonce)
        var scheme = TPMT_SIG_SCHEME()
        scheme.scheme = TPM2_ALG_NULL
        var selection = TPML_PCR_SELECTION(indices)
        var statement: UnsafeMutablePointer<TPM2B_ATTEST>?
        var signature: UnsafeMutablePointer<TPMT_SIGNATURE>?
        defer {
            Self.free(statement)
            Self.free(signature)
        }
        try withSession { session in
            try call("TPM2_Quote") { context in
                Esys_Quote(
                    context, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &qualifying, &scheme, &selection, &statement,
                    &signature)
            }
        }
        guard let statement, let signature, signature.pointee.sigAlg == TPM2_ALG_RSASSA else {
            throw Self.senseless("TPM2_Quote")
        }
        let signed = signature.pointee.signature.rsassa.sig
        return (
            try bytes(statement.pointee.attestationData, count: statement.pointee.size),
            try bytes(signed.buffer, count: signed.size)
        )
    }

    /// What was encrypted to a loaded key; it is encrypted anew on its way.
    fileprivate func decrypt(_ ciphertext: [UInt8], with key: ESYS_TR) throws -> Secret {
        var input = TPM2B_PUBLIC_KEY_RSA()
        guard ciphertext.count <= MemoryLayout.size(ofValue: input.buffer) else {
            throw AnchorError.damaged("\(ciphertext.count) bytes are no secret for this hardware's receiving key.")
        }
        input.size = try fill(&input.buffer, with: ciphertext)
        var scheme = TPMT_RSA_DECRYPT()
        scheme.scheme = TPM2_ALG_NULL
        var label = TPM2B_DATA()
        return try withSession(encryption: TPMA_SESSION_ENCRYPT) { session in
            do {
                return try call("TPM2_RSA_Decrypt") { context, message in
                    Esys_RSA_Decrypt(
                        context, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &input, &scheme, &label, &message)
                } read: { (message: inout TPM2B_PUBLIC_KEY_RSA) in
                    try secret(&message.buffer, count: message.size)
                }
            } catch let error as TPM20Error where error.response != nil && !error.passes && !error.isAuthorization {
                throw AnchorError.damaged("This was not encrypted to this hardware's receiving key: \(error)")
            }
        }
    }
}

extension AnchorHardware {
    init(tpm20 esys: ESYS) throws {
        let properties = try esys.properties(from: vtpm_pt_manufacturer, count: 8)
        func letters(_ property: TPM2_PT) -> [UInt8] {
            let value = properties[property] ?? 0
            return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        let name = letters(vtpm_pt_manufacturer) + [0x20] + (0..<4).flatMap { letters(vtpm_pt_vendor_string_1 + $0) }
        let version = (properties[vtpm_pt_firmware_version_1] ?? 0, properties[vtpm_pt_firmware_version_2] ?? 0)
        self.init(
            kind: .tpm20, manufacturer: name.filter { $0 != 0 },
            version: "\(version.0 >> 16).\(version.0 & 0xffff).\(version.1 >> 16).\(version.1 & 0xffff)")
    }
}
