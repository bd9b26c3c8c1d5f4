import TPMClient
import TPMCrypto
import TPMWire

/// An anchor in a TPM 1.2: an attestation identity key for quotes and a binding key, both loaded for a call and removed
/// after it, an NV area and a counter, all with one random authorization. Secrets are sealed with the storage root key.
///
/// Only what is made needs the owner's authorization; nothing that the anchor does afterwards.
public final class TPM12Anchor: HardwareAnchor {
    public let hardware: AnchorHardware
    public let identity: AnchorIdentity
    public let receivingKey: ReceivingKey
    public let quotingKey: [UInt8]
    public var pcrAlgorithm: PCRAlgorithm { .sha1 }

    let access: TPM12Access
    private let keys: TPM12Keys
    private let label: AnchorLabel
    private let record: UInt32
    private let counter: UInt32

    /// Goes on with what was provisioned, after the TPM has proved that it is the one.
    ///
    /// - Throws: ``AnchorError/otherHardware(_:)``, ``AnchorError/missing(_:)``, ``AnchorError/unreachable(_:)`` and others.
    init(_ access: TPM12Access, _ material: AnchorMaterial) throws(AnchorError) {
        self.access = access
        let form = material.form
        keys = try TPM12Keys(material)
        (identity, quotingKey, receivingKey) = (form.identity, keys.quotingDER, keys.receivingKey)
        (label, record, counter) = (form.label, form.record, form.counter)
        hardware = try access.use { try AnchorHardware(tpm12: $0, kind: access.kind) }
        // A TPM that signs with the key has it, and the area and the counter are whose secret is known.
        _ = try quote([0], nonce: SHA256.hash(try SystemRandom().nonce()))
        _ = try readRecordArea()
        _ = try readCounter()
    }

    // MARK: Random bytes, PCRs

    public func randomBytes(_ count: Int) throws(AnchorError) -> Secret {
        try SystemRandom().mixed(with: count) { (count) throws(AnchorError) in
            try access.use { try $0.randomBytes(count) }
        }
    }

    public func readPCRs(_ indices: Set<Int>) throws(AnchorError) -> PCRConfiguration {
        try PCRConfiguration.check(indices)
        let values = try access.use { tpm in try Self.read(indices, tpm) }
        return try PCRConfiguration(.sha1, values)
    }

    private static func read(_ indices: Set<Int>, _ tpm: TPMClient) throws -> [Int: [UInt8]] {
        var values: [Int: [UInt8]] = [:]
        for index in indices { values[index] = try tpm.pcr(UInt32(clamping: index)).bytes }
        return values
    }

    // MARK: Sealing

    public func seal(_ secret: Secret, to configuration: PCRConfiguration?) throws(AnchorError) -> [UInt8] {
        try SealedSecret.check(secret, configuration, pcrAlgorithm)
        var sealed = SealedSecret()
        sealed.identity = identity
        sealed.configuration = configuration
        sealed.privatePart = try access.use { tpm in
            let release = try configuration?.release()
            return try usingStorageRootKey {
                try tpm.seal(secret, keyAuth: access.srkAuth, dataAuth: keys.secret, boundTo: release)
            }.encoded()
        }
        return try sealed.bytes()
    }

    public func unseal(_ sealed: [UInt8]) throws(AnchorError) -> Secret {
        let sealed = try SealedSecret.decode(sealed, for: identity)
        guard let blob = try? WireDecoder.decode(SealedBlob.self, from: sealed.privatePart) else {
            throw .damaged("The sealed secret does not decode.")
        }
        return try access.use { tpm in
            do {
                return try tpm.unseal(blob, keyAuth: access.srkAuth, dataAuth: keys.secret)
            } catch let error as ClientError {
                switch error.result {
                case .wrongPCRVal?:
                    let expected = sealed.configuration
                    let present = try Self.read(expected?.indices ?? [], tpm)
                    throw AnchorError.otherConfiguration(
                        present.filter { expected?.values[$0.key] != $0.value }.map(\.key).sorted())
                case .decryptError?, .notSealedBlob?, .authFail?, .auth2Fail?, .badDataSize?:
                    // Either the blob is none of this TPM, or the TPM is none of this anchor.
                    try keys.withQuotingKey(tpm, access.srkAuth) { _ in }
                    throw AnchorError.damaged("The TPM refuses the sealed secret: \(error)")
                default: throw error
                }
            }
        }
    }

    // MARK: The counter

    public func readCounter() throws(AnchorError) -> UInt64 {
        try access.use { tpm in try ofCounter(tpm) { try tpm.readCounter(counter) } }
    }

    @discardableResult
    public func incrementCounter() throws(AnchorError) -> UInt64 {
        try access.use { tpm in try ofCounter(tpm) { try tpm.incrementCounter(counter, auth: keys.secret) } }
    }

    private func ofCounter(_ tpm: TPMClient, _ body: () throws -> CounterValue) throws -> UInt64 {
        do {
            let value = try body()
            guard value.label == label.bytes else {
                throw AnchorError.missing("The TPM's counter \(counter) has another label than \(label).")
            }
            return UInt64(value.counter)
        } catch let error as ClientError where error.result == .badCounter {
            guard try tpm.counters().contains(counter) else {
                throw AnchorError.missing("The TPM has no counter \(counter) of this anchor any more.")
            }
            throw AnchorError.busy(
                "another counter was counted up since the machine started, and a TPM 1.2 counts one until the next start."
            )
        } catch let error as ClientError where error.result == .authFail {
            throw AnchorError.missing("The TPM's counter \(counter) was made anew by somebody else.")
        }
    }

    // MARK: The record

    public func readRecord() throws(AnchorError) -> [UInt8] { try AnchorRecord.decode(try readRecordArea()) }

    public func writeRecord(_ bytes: [UInt8]) throws(AnchorError) {
        let area = try AnchorRecord.encode(bytes)
        try access.use { tpm in try ofRecord { try tpm.writeNV(record, area, as: .area(keys.secret)) } }
    }

    private func readRecordArea() throws(AnchorError) -> [UInt8] {
        try access.use { tpm in
            try ofRecord {
                try tpm.readNV(record, count: UInt32(AnchorRecord.areaSize), as: .area(keys.secret))
            }
        }
    }

    private func ofRecord<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as ClientError {
            switch error.result {
            case .badIndex?: throw AnchorError.missing("The TPM has no NV area \(hexadecimal(record)) any more.")
            case .authFail?, .authConflict?, .noSpace?, .perNoWrite?:
                throw AnchorError.missing(
                    "The TPM's NV area \(hexadecimal(record)) was made anew by somebody else: \(error)")
            default: throw error
            }
        }
    }

    // MARK: The keys

    public func quote(_ indices: Set<Int>, nonce: [UInt8]) throws(AnchorError) -> AnchorQuote {
        try PCRConfiguration.check(indices)
        try AnchorQuote.check(nonce: nonce)
        let external = AnchorQuote.externalData(nonce)
        let answer = try access.use { tpm in
            try keys.withQuotingKey(tpm, access.srkAuth) {
                try tpm.quote(PCRSelection(indices: indices), nonce: external, with: $0, auth: keys.secret)
            }
        }
        let values = zip(answer.pcrData.select.indices, answer.pcrData.pcrValue.map(\.bytes))
        let configuration = try PCRConfiguration(.sha1, Dictionary(uniqueKeysWithValues: values))
        guard configuration.indices == indices, let digest = try? answer.pcrData.digest(),
            let statement = try? QuoteInfo(digestValue: digest, externalData: external).encoded()
        else { throw .failed("it quotes other PCRs than were asked for.") }
        let quote = AnchorQuote(.quoteInfo, statement, signature: answer.sig, key: quotingKey, configuration)
        do throws(QuoteFlaw) { try quote.verify(by: quotingKey, nonce: nonce) } catch {
            throw .failed("its quote is wrong. \(error)")
        }
        return quote
    }

    /// Size in bytes of what a key of 2048 bits decrypts. More might not fit into the TPM's buffer.
    private static let ciphertextSize = 256

    public func receive(_ ciphertext: [UInt8]) throws(AnchorError) -> Secret {
        guard ciphertext.count == Self.ciphertextSize else {
            throw .damaged("This was not encrypted to this hardware's receiving key: it has \(ciphertext.count) bytes.")
        }
        return try access.use { tpm in
            try keys.withReceivingKey(tpm, access.srkAuth) { key in
                do {
                    return try tpm.unbind(ciphertext, with: key, auth: keys.secret)
                } catch let error as ClientError where TPM12Keys.isUnreadable(error.result) {
                    throw AnchorError.damaged("This was not encrypted to this hardware's receiving key: \(error)")
                }
            }
        }
    }
}

extension PCRConfiguration {
    /// What a TPM 1.2 is told to release at: these values, at any locality.
    fileprivate func release() throws -> PCRInfoLong {
        let selection = PCRSelection(indices: indices)
        let composite = PCRComposite(select: selection, pcrValue: ordered.compactMap { Digest($0.value) })
        return PCRInfoLong(
            localityAtCreation: .all, localityAtRelease: .all, creationPCRSelection: selection,
            releasePCRSelection: selection, digestAtCreation: .zero, digestAtRelease: try composite.digest())
    }

    /// Refuses PCRs that there are not, and none at all.
    static func check(_ indices: Set<Int>) throws(AnchorError) {
        guard !indices.isEmpty else { throw .unfit("Name at least one PCR.") }
        guard indices.allSatisfy(AnchorLimit.pcrIndices.contains) else { throw .unfit("The PCRs are 0 to 23.") }
    }
}

extension AnchorHardware {
    init(tpm12 tpm: TPMClient, kind: Kind) throws {
        let info = try tpm.versionInfo()
        self.init(
            kind: kind, manufacturer: info.tpmVendorID, version: "\(info.version.revMajor).\(info.version.revMinor)")
    }
}
