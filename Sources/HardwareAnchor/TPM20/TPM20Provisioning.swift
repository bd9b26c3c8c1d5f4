import CTSS2
import TPMCrypto

/// Makes in a TPM 2.0 what an anchor needs, or removes it.
struct TPM20Provisioning: Sendable {
    let access: TPM20Access
    let owner: Secret
    let label: AnchorLabel

    /// The owner's part of the NV indices (Registry of Reserved TPM 2.0 Handles, 2.2.2).
    private var record: TPM2_HANDLE { 0x0180_0000 | label.place << 1 }
    private var counter: TPM2_HANDLE { record | 1 }
    /// Where the parent stays when the owner has an authorization, without which it could not be made again.
    private var place: TPM2_HANDLE { 0x8100_8000 | label.place & 0x7fff }

    /// Makes what is missing. Nothing is left in the TPM when it fails.
    ///
    /// - Parameters:
    ///   - kept: what was provisioned before; it stays as it is if the TPM still has it.
    ///   - replacing: whether what has this label and is not of `kept` is removed.
    func provision(keeping kept: AnchorMaterial?, replacing: Bool) throws(AnchorError) -> AnchorMaterial {
        try access.use(patient: true) { esys in
            // Without these PCRs nothing can be sealed to what the machine booted.
            _ = try esys.readPCRs([0])
            try esys.setAuth(owner, of: ESYS_TR_RH_OWNER)
            return try esys.flushing(try makeParent(esys)) { parent in
                var undo: [() throws -> Void] = []
                do {
                    return try provision(kept, replacing, esys, parent, &undo)
                } catch {
                    for step in undo.reversed() { try? step() }
                    throw error
                }
            }
        }
    }

    private func makeParent(_ esys: ESYS) throws -> ESYS_TR {
        do {
            return try esys.withSession { try esys.makeParent(label, session: $0) }
        } catch let error as TPM20Error where error.isAuthorization {
            throw AnchorError.wrongOwner("\(error)")
        }
    }

    private func provision(
        _ kept: AnchorMaterial?, _ replacing: Bool, _ esys: ESYS, _ parent: ESYS_TR, _ undo: inout [() throws -> Void]
    ) throws -> AnchorMaterial {
        var form = try keptForm(kept, esys, parent) ?? newKeys(esys, parent)
        (form.record, form.counter) = (record, counter)
        let storage = TPM20Storage(form)
        let hasCounter = try isOurs(counter, kept, replacing, esys, parent) { try storage.readCounter(esys) }
        let hasRecord = try isOurs(record, kept, replacing, esys, parent) { try storage.readRecord(esys) }
        if !hasCounter {
            undo.append { [counter] in try TPM20Storage.remove(counter, esys, saltedTo: parent) }
            try storage.makeCounter(esys, saltedTo: parent)
        }
        if !hasRecord {
            undo.append { [record] in try TPM20Storage.remove(record, esys, saltedTo: parent) }
            try storage.makeRecord(esys, saltedTo: parent)
        }
        form.parent.handle = try keepParent(form.parent.name, esys, parent, replacing)
        return AnchorMaterial(form)
    }

    // MARK: Keys

    /// The keys that were made before, if the TPM can still use them.
    private func keptForm(_ kept: AnchorMaterial?, _ esys: ESYS, _ parent: ESYS_TR) throws -> AnchorMaterial.Form? {
        guard let kept else { return nil }
        guard kept.kind == .tpm20, kept.label == label else {
            throw AnchorError.unfit("The material to keep is of a \(kept.kind), with the label \(kept.label).")
        }
        let keys = try TPM20Keys(kept)
        guard try esys.name(of: parent) == keys.parent.name else {
            throw AnchorError.otherHardware("The material to keep is of another TPM.")
        }
        try keys.withQuotingKey(esys, under: parent) { _ in }
        try keys.withReceivingKey(esys, under: parent) { _ in }
        return kept.form
    }

    private func newKeys(_ esys: ESYS, _ parent: ESYS_TR) throws -> AnchorMaterial.Form {
        var form = AnchorMaterial.Form()
        form.kind = .tpm20
        form.label = label
        form.secret = try SystemRandom().secret(count: SHA256.byteCount)
        form.parent.name = try esys.name(of: parent)
        form.quoting = try esys.make(.quoting(), secret: form.secret, under: parent)
        form.receiving = try esys.make(.receiving(), secret: form.secret, under: parent)
        let key = try TPM2B_PUBLIC(decoding: form.quoting.publicPart).rsaKey()
        form.identity = AnchorIdentity(ofQuotingKey: try key.subjectPublicKeyInfo())
        return form
    }

    /// Lets the TPM keep the parent, if it could not be made again without the owner, and returns where; else 0.
    private func keepParent(
        _ name: [UInt8], _ esys: ESYS, _ parent: ESYS_TR, _ replacing: Bool
    ) throws -> TPM2_HANDLE {
        if let there = try esys.withKept(place, { try esys.name(of: $0) }) {
            guard there != name else { return place }
            guard owner.count > 0 else { return 0 }
            guard replacing else { throw taken("a key \(hexadecimal(place))") }
            try evict(esys, saltedTo: parent)
        }
        guard owner.count > 0 else { return 0 }
        try esys.withSession(saltedTo: parent) { session in
            var object = ESYS_TR_NONE
            try esys.call("TPM2_EvictControl") { context in
                Esys_EvictControl(
                    context, ESYS_TR_RH_OWNER, parent, session, ESYS_TR_NONE, ESYS_TR_NONE, place, &object)
            }
        }
        return place
    }

    private func evict(_ esys: ESYS, saltedTo parent: ESYS_TR = ESYS_TR_NONE) throws {
        _ = try esys.withKept(place) { object in
            try esys.withSession(saltedTo: parent) { session in
                var none = ESYS_TR_NONE
                try esys.call("TPM2_EvictControl") { context in
                    Esys_EvictControl(
                        context, ESYS_TR_RH_OWNER, object, session, ESYS_TR_NONE, ESYS_TR_NONE, place, &none)
                }
            }
        }
    }

    // MARK: Indices

    /// Whether an index is there and the anchor's; a stranger in its place is removed or an error.
    private func isOurs(
        _ handle: TPM2_HANDLE, _ kept: AnchorMaterial?, _ replacing: Bool, _ esys: ESYS, _ parent: ESYS_TR,
        _ read: () throws -> some Any
    ) throws -> Bool {
        guard try esys.withKept(handle, { _ in }) != nil else { return false }
        if kept != nil {
            do {
                _ = try read()
                return true
            } catch AnchorError.missing {}
        }
        guard replacing else { throw taken("an NV index \(hexadecimal(handle))") }
        try TPM20Storage.remove(handle, esys, saltedTo: parent)
        return false
    }

    private func taken(_ what: String) -> AnchorError {
        .taken("The TPM has \(what), where the anchor's with the label \(label) is to be.")
    }

    // MARK: Removal

    /// Removes the indices and the parent. The other keys were never kept in the TPM.
    func remove(_ material: AnchorMaterial) throws(AnchorError) {
        try access.use { esys in
            try esys.setAuth(owner, of: ESYS_TR_RH_OWNER)
            do {
                for index in [material.form.record, material.form.counter] { try TPM20Storage.remove(index, esys) }
                if material.form.parent.handle != 0 { try evict(esys) }
            } catch let error as TPM20Error where error.isAuthorization {
                throw AnchorError.wrongOwner("\(error)")
            }
        }
    }
}
