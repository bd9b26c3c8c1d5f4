import TPMClient
import TPMCrypto
import TPMWire

/// Makes in a TPM 1.2 what an anchor needs, or removes it.
struct TPM12Provisioning {
    let access: TPM12Access
    /// 20 bytes.
    let owner: Secret
    let label: AnchorLabel

    /// In the name space of users, where tools rarely make areas.
    private var record: UInt32 { NVIndex.userBit | label.place }

    /// Makes what is missing. Nothing is left in the TPM when it fails.
    ///
    /// - Parameters:
    ///   - kept: what was provisioned before; it stays as it is if the TPM still has it.
    ///   - replacing: whether what has this label and is not of `kept` is removed.
    func provision(keeping kept: AnchorMaterial?, replacing: Bool) throws(AnchorError) -> AnchorMaterial {
        try access.use(patient: true) { tpm in
            try prepare(tpm)
            var form = try keptForm(kept, tpm) ?? newKeys(tpm)
            let counter = try existingCounter(form, kept, replacing, tpm)
            let hasRecord = try existingRecord(form, kept, replacing, tpm)
            if let counter {
                form.counter = counter
            } else {
                let made = try asOwner {
                    try tpm.createCounter(label: label.bytes, auth: form.secret, owner: owner)
                }
                form.counter = made.countID
            }
            form.record = record
            do {
                if !hasRecord { try makeRecord(form.secret, tpm) }
            } catch {
                if counter == nil { try? tpm.releaseCounter(form.counter, auth: form.secret) }
                throw error
            }
            return AnchorMaterial(form)
        }
    }

    /// Removes the area and the counter. The keys were never in the TPM.
    func remove(_ material: AnchorMaterial) throws(AnchorError) {
        try access.use { tpm in
            let form = material.form
            if try tpm.nvIndices().contains(form.record) {
                try asOwner { try tpm.deleteNV(form.record, owner: owner) }
            }
            if try tpm.counters().contains(form.counter), try tpm.readCounter(form.counter).label == label.bytes {
                try asOwner { try tpm.releaseCounter(form.counter, owner: owner) }
            }
        }
    }

    // MARK: Steps

    private func prepare(_ tpm: TPMClient) throws {
        let flags = try tpm.permanentFlags()
        guard !flags.disable, !flags.deactivated else {
            throw AnchorError.unfit("The TPM is disabled. Enable and activate it in the firmware's settings.")
        }
        if try !tpm.hasOwner() {
            guard access.kind == .software else {
                throw AnchorError.unfit("The TPM has no owner. Take ownership first, with vtpm take-ownership, say.")
            }
            do { _ = try tpm.endorsementKey() } catch let error as ClientError where error.result == .noEndorsement {
                try tpm.createEndorsementKey()
            }
            try tpm.takeOwnership(owner: owner, srk: access.srkAuth)
        }
        // Before, nothing keeps anybody from writing an area (Part 3, 20). A TPM is sold with it.
        if !flags.nvLocked { try tpm.defineNV(NVIndex.lock, size: 0, permissions: [], owner: nil) }
    }

    /// The keys that were made before, if the TPM can still use them.
    private func keptForm(_ kept: AnchorMaterial?, _ tpm: TPMClient) throws -> AnchorMaterial.Form? {
        guard let kept else { return nil }
        guard kept.kind == access.kind, kept.label == label else {
            throw AnchorError.unfit("The material to keep is of a \(kept.kind), with the label \(kept.label).")
        }
        let keys = try TPM12Keys(kept)
        try keys.withQuotingKey(tpm, access.srkAuth) { _ in }
        try keys.withReceivingKey(tpm, access.srkAuth) { _ in }
        return kept.form
    }

    private func newKeys(_ tpm: TPMClient) throws -> AnchorMaterial.Form {
        var form = AnchorMaterial.Form()
        form.kind = access.kind
        form.label = label
        form.secret = try SystemRandom().secret(count: Digest.byteCount)
        let identity = try asOwner {
            try usingStorageRootKey {
                try tpm.makeIdentity(
                    label: label.bytes, privacyCA: Self.nobody, auth: form.secret, owner: owner,
                    srkAuth: access.srkAuth)
            }
        }
        let receiving = try usingStorageRootKey {
            try tpm.createKey(.template(.bind), auth: form.secret, parentAuth: access.srkAuth)
        }
        let keys = try TPM12Keys(secret: form.secret, quoting: identity.idKey, receiving: receiving)
        form.quoting.publicPart = try identity.idKey.encoded()
        form.receiving.publicPart = try receiving.encoded()
        form.identity = AnchorIdentity(ofQuotingKey: keys.quotingDER)
        return form
    }

    /// The anchor's counter if there is one; a stranger of its label is removed or an error.
    private func existingCounter(
        _ form: AnchorMaterial.Form, _ kept: AnchorMaterial?, _ replacing: Bool, _ tpm: TPMClient
    ) throws -> UInt32? {
        for counter in try tpm.counters() where try tpm.readCounter(counter).label == label.bytes {
            if kept != nil, counter == form.counter { return counter }
            guard replacing else { throw AnchorError.taken("The TPM has a counter with the label \(label).") }
            try asOwner { try tpm.releaseCounter(counter, owner: owner) }
        }
        return nil
    }

    /// Whether the anchor's area is there; a stranger in its place is removed or an error.
    private func existingRecord(
        _ form: AnchorMaterial.Form, _ kept: AnchorMaterial?, _ replacing: Bool, _ tpm: TPMClient
    ) throws -> Bool {
        guard try tpm.nvIndices().contains(record) else { return false }
        if kept != nil, try isOurs(form.secret, tpm) { return true }
        guard replacing else {
            throw AnchorError.taken("The TPM has an NV area \(hexadecimal(record)), where the anchor's is to be.")
        }
        try asOwner { try tpm.deleteNV(record, owner: owner) }
        return false
    }

    private func isOurs(_ secret: Secret, _ tpm: TPMClient) throws -> Bool {
        let area = try tpm.nvArea(record)
        guard area.permission.attributes == Self.permissions, area.dataSize == UInt32(AnchorRecord.areaSize) else {
            return false
        }
        do {
            _ = try tpm.readNV(record, count: area.dataSize, as: .area(secret))
            return true
        } catch let error as ClientError where error.result == .authFail {
            return false
        }
    }

    private func makeRecord(_ secret: Secret, _ tpm: TPMClient) throws {
        do {
            try asOwner {
                try tpm.defineNV(
                    record, size: UInt32(AnchorRecord.areaSize), permissions: Self.permissions, auth: secret,
                    owner: owner)
            }
        } catch let error as ClientError where error.result == .noSpace {
            throw AnchorError.busy("\(error) Remove NV areas that nobody needs.")
        }
        do { try tpm.writeNV(record, try AnchorRecord.encode([]), as: .area(secret)) } catch {
            try? tpm.deleteNV(record, owner: owner)
            throw error
        }
    }

    /// Who has the anchor's secret reads and writes, and nobody else.
    private static let permissions: NVPermissions = [.authRead, .authWrite]

    /// The identity is for no privacy CA.
    private static let nobody = Pubkey(
        algorithmParms: Key.template(.identity).algorithmParms,
        pubKey: StorePubkey(key: [UInt8](repeating: 0xff, count: 256)))
}
