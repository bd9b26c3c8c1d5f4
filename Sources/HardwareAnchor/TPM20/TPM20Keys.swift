import CTSS2
import TPMCrypto
import TPMWire

/// The keys of an anchor in a TPM 2.0, as the TPM wrapped them with their parent.
struct TPM20Keys: Sendable {
    /// The authorization of both, 32 bytes.
    let secret: Secret
    let parent: AnchorMaterial.Parent
    let quotingDER: [UInt8]
    let receivingKey: ReceivingKey
    private let label: AnchorLabel
    private let quoting: AnchorMaterial.WrappedKey
    private let receiving: AnchorMaterial.WrappedKey

    /// - Throws: ``AnchorError/damaged(_:)`` when the material holds none.
    init(_ material: AnchorMaterial) throws(AnchorError) {
        let form = material.form
        (secret, parent, label) = (form.secret, form.parent, form.label)
        (quoting, receiving) = (form.quoting, form.receiving)
        do {
            let quotingKey = try TPM2B_PUBLIC(decoding: quoting.publicPart).rsaKey()
            quotingDER = try quotingKey.subjectPublicKeyInfo()
            receivingKey = try ReceivingKey(.oaepSHA256, TPM2B_PUBLIC(decoding: receiving.publicPart).rsaKey())
            _ = try TPM2B_PRIVATE(decoding: quoting.privatePart)
            _ = try TPM2B_PRIVATE(decoding: receiving.privatePart)
        } catch {
            throw .damaged("The anchor's material holds no keys of a TPM 2.0: \(error)")
        }
        guard secret.count == SHA256.byteCount, AnchorIdentity(ofQuotingKey: quotingDER) == form.identity else {
            throw .damaged("The anchor's material holds keys that do not fit together.")
        }
    }

    /// Runs `body` with the key that the others are wrapped with, after it has shown that it is the one.
    func withParent<R>(_ esys: ESYS, _ access: TPM20Access, _ body: (ESYS_TR) throws -> R) throws -> R {
        if parent.handle != 0 {
            let result = try esys.withKept(parent.handle) { object in
                try checkName(of: object, esys)
                return try body(object)
            }
            guard let result else {
                throw AnchorError.missing(
                    "The TPM has no key \(hexadecimal(parent.handle)), which the anchor's are wrapped with: it was removed, "
                        + "or this is another TPM.")
            }
            return result
        }
        return try esys.flushing(try loadedParent(esys, access)) { object in
            try checkName(of: object, esys)
            return try body(object)
        }
    }

    private func loadedParent(_ esys: ESYS, _ access: TPM20Access) throws -> ESYS_TR {
        if let saved = access.parent {
            do { return try saved.load(esys) } catch let error as TPM20Error {
                // After a new start of the machine the TPM does not know it any more.
                guard error.response != nil, !error.passes else { throw error }
                access.parent = nil
            }
        }
        let made: ESYS_TR
        do {
            made = try esys.makeParent(label, session: ESYS_TR_PASSWORD)
        } catch let error as TPM20Error where error.isAuthorization {
            throw AnchorError.missing("The TPM's owner has got an authorization since the anchor was made: \(error)")
        }
        do { access.parent = try SavedContext(of: made, esys) } catch {
            return try esys.flushing(made) { _ in throw error }
        }
        return made
    }

    private func checkName(of object: ESYS_TR, _ esys: ESYS) throws {
        guard try esys.name(of: object) == parent.name else {
            throw AnchorError.otherHardware("The key that the anchor's are wrapped with is another in this TPM.")
        }
    }

    func withQuotingKey<R>(_ esys: ESYS, under parent: ESYS_TR, _ body: (ESYS_TR) throws -> R) throws -> R {
        try esys.withObject(quoting.publicPart, quoting.privatePart, secret: secret, under: parent, body)
    }

    func withReceivingKey<R>(_ esys: ESYS, under parent: ESYS_TR, _ body: (ESYS_TR) throws -> R) throws -> R {
        try esys.withObject(receiving.publicPart, receiving.privatePart, secret: secret, under: parent, body)
    }
}

extension ESYS {
    /// Makes the key that an anchor's others are wrapped with. The owner's authorization was set before, unless it is
    /// empty. The caller flushes the key.
    func makeParent(_ label: AnchorLabel, session: ESYS_TR) throws -> ESYS_TR {
        var template = try TPM2B_PUBLIC.parent(label)
        var sensitive = TPM2B_SENSITIVE_CREATE()
        var outside = TPM2B_DATA()
        var pcrs = TPML_PCR_SELECTION()
        var object = ESYS_TR_NONE
        try call("TPM2_CreatePrimary") { context in
            Esys_CreatePrimary(
                context, ESYS_TR_RH_OWNER, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside, &pcrs,
                &object, nil, nil, nil, nil)
        }
        return object
    }

    /// Makes an object under a parent, with an authorization and, when it is sealed, a secret inside. Both are encrypted
    /// on their way.
    func make(
        _ template: TPM2B_PUBLIC, secret: Secret, holding data: Secret = Secret([]), under parent: ESYS_TR
    ) throws -> AnchorMaterial.WrappedKey {
        var template = template
        var sensitive = TPM2B_SENSITIVE_CREATE()
        defer { wipe(&sensitive) }
        sensitive.sensitive.userAuth.size = try fill(&sensitive.sensitive.userAuth.buffer, with: secret)
        sensitive.sensitive.data.size = try fill(&sensitive.sensitive.data.buffer, with: data)
        var outside = TPM2B_DATA()
        var pcrs = TPML_PCR_SELECTION()
        var privatePart: UnsafeMutablePointer<TPM2B_PRIVATE>?
        var publicPart: UnsafeMutablePointer<TPM2B_PUBLIC>?
        defer {
            Self.free(privatePart)
            Self.free(publicPart)
        }
        try withSession(saltedTo: parent, encryption: TPMA_SESSION_DECRYPT) { session in
            try call("TPM2_Create") { context in
                Esys_Create(
                    context, parent, session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside, &pcrs,
                    &privatePart, &publicPart, nil, nil, nil)
            }
        }
        guard let privatePart, let publicPart else { throw Self.senseless("TPM2_Create") }
        var key = AnchorMaterial.WrappedKey()
        key.publicPart = try publicPart.pointee.encoded()
        key.privatePart = try privatePart.pointee.encoded()
        return key
    }

    /// Runs `body` with an object that was wrapped with `parent`, and unloads it afterwards, whatever happened.
    ///
    /// - Throws: ``AnchorError/damaged(_:)`` when it was not.
    func withObject<R>(
        _ publicPart: [UInt8], _ privatePart: [UInt8], secret: Secret, under parent: ESYS_TR,
        _ body: (ESYS_TR) throws -> R
    ) throws -> R {
        var publicArea = try TPM2B_PUBLIC(decoding: publicPart)
        var privateArea = try TPM2B_PRIVATE(decoding: privatePart)
        var object = ESYS_TR_NONE
        do {
            try call("TPM2_Load") { context in
                Esys_Load(
                    context, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &privateArea, &publicArea, &object)
            }
        } catch let error as TPM20Error where error.response != nil && !error.passes {
            throw AnchorError.damaged("What the TPM wrapped was changed since: \(error)")
        }
        return try flushing(object) { object in
            try setAuth(secret, of: object)
            return try body(object)
        }
    }
}
