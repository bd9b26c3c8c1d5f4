import CTSS2
import Glibc
import TPMCrypto

/// A connection to a TPM 2.0 through tpm2-tss, for one thread. It is closed when the value dies.
///
/// What a function loads into the TPM is flushed when the function returns, however it does.
final class ESYS {
    private var tcti: OpaquePointer?
    private var context: OpaquePointer?
    /// Why an object or a session could not be flushed; nothing can be called after that.
    private var flaw: TPM20Error?

    init(_ name: String) throws {
        let loaded = Tss2_TctiLdr_Initialize(name, &tcti)
        guard loaded == 0 else { throw TPM20Error(code: loaded, command: "connecting") }
        let made = Esys_Initialize(&context, tcti, nil)
        guard made == 0 else {
            Tss2_TctiLdr_Finalize(&tcti)
            throw TPM20Error(code: made, command: "connecting")
        }
    }

    deinit {
        Esys_Finalize(&context)
        Tss2_TctiLdr_Finalize(&tcti)
    }

    // MARK: Calling

    /// Calls a function that gives nothing but a code, or handles.
    func call(_ command: StaticString, _ body: (OpaquePointer?) -> TSS2_RC) throws {
        if let flaw { throw flaw }
        let code = body(context)
        guard code == 0 else { throw TPM20Error(code: code, command: command) }
    }

    /// Calls a function that gives a structure, hands it to `read`, and wipes and frees it.
    func call<T, R>(
        _ command: StaticString, _ body: (OpaquePointer?, inout UnsafeMutablePointer<T>?) -> TSS2_RC,
        read: (inout T) throws -> R
    ) throws -> R {
        var result: UnsafeMutablePointer<T>?
        defer { Self.free(result) }
        if let flaw { throw flaw }
        let code = body(context, &result)
        guard code == 0 else { throw TPM20Error(code: code, command: command) }
        guard let result else { throw Self.senseless(command) }
        return try read(&result.pointee)
    }

    /// Wipes and frees what tpm2-tss gave.
    static func free<T>(_ pointer: UnsafeMutablePointer<T>?) {
        guard let pointer else { return }
        explicit_bzero(pointer, MemoryLayout<T>.size)
        Esys_Free(pointer)
    }

    static func senseless(_ command: StaticString) -> AnchorError { .failed("\(command): its answer makes no sense.") }

    // MARK: Loaded objects and sessions

    /// Runs `body` and flushes the object or session, whatever happened.
    func flushing<R>(_ handle: ESYS_TR, _ body: (ESYS_TR) throws -> R) rethrows -> R {
        defer {
            let code = Esys_FlushContext(context, handle)
            if code != 0, flaw == nil { flaw = TPM20Error(code: code, command: "TPM2_FlushContext") }
        }
        return try body(handle)
    }

    /// Runs `body` with a session that has a key from the random bytes that it was `salted` with, encrypted to a loaded
    /// key, or none.
    ///
    /// - Parameter encryption: TPMA_SESSION_DECRYPT, TPMA_SESSION_ENCRYPT: which parameters nobody on the way shall see.
    func withSession<R>(
        policy: Bool = false, saltedTo key: ESYS_TR = ESYS_TR_NONE, encryption: TPMA_SESSION = 0,
        _ body: (ESYS_TR) throws -> R
    ) throws -> R {
        var symmetric = TPMT_SYM_DEF()
        symmetric.algorithm = TPM2_ALG_AES
        symmetric.keyBits.aes = 128
        symmetric.mode.aes = TPM2_ALG_CFB
        var session = ESYS_TR_NONE
        try call("TPM2_StartAuthSession") { context in
            Esys_StartAuthSession(
                context, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nil,
                policy ? TPM2_SE_POLICY : TPM2_SE_HMAC, &symmetric, TPM2_ALG_SHA256, &session)
        }
        return try flushing(session) { session in
            try call("setting a session's attributes") { context in
                Esys_TRSess_SetAttributes(context, session, TPMA_SESSION_CONTINUESESSION | encryption, 0xff)
            }
            return try body(session)
        }
    }

    /// Runs `body` with an object or an NV index that the TPM keeps; nil when it has none there.
    func withKept<R>(_ handle: TPM2_HANDLE, _ body: (ESYS_TR) throws -> R) throws -> R? {
        var object = ESYS_TR_NONE
        do {
            try call("reading a public area") { context in
                Esys_TR_FromTPMPublic(context, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object)
            }
        } catch let error as TPM20Error where error.response == vtpm_rc_handle {
            return nil
        }
        defer { if object != ESYS_TR_NONE { Esys_TR_Close(context, &object) } }
        return try body(object)
    }

    /// The name by which the TPM's authorizations know an object.
    func name(of object: ESYS_TR) throws -> [UInt8] {
        try call("reading a name") { context, name in
            Esys_TR_GetName(context, object, &name)
        } read: { (name: inout TPM2B_NAME) in
            try bytes(name.name, count: name.size)
        }
    }

    /// Says what authorizes the use of an object, or of the owner's hierarchy.
    func setAuth(_ secret: Secret, of object: ESYS_TR) throws {
        var auth = TPM2B_AUTH()
        defer { wipe(&auth) }
        auth.size = try fill(&auth.buffer, with: secret)
        try call("setting an authorization") { context in Esys_TR_SetAuth(context, object, &auth) }
    }

    /// Removes all objects and sessions that are loaded.
    func removeAll() {
        var sys: OpaquePointer?
        guard Esys_GetSysContext(context, &sys) == 0 else { return }
        for first in [vtpm_transient_first, vtpm_loaded_session_first, vtpm_active_session_first] {
            for handle in (try? handles(from: first)) ?? [] { Tss2_Sys_FlushContext(sys, handle) }
        }
    }

    private func handles(from first: TPM2_HANDLE) throws -> [TPM2_HANDLE] {
        try capability(TPM2_CAP_HANDLES, first, count: 64) { data in
            let list = data.handles
            return withUnsafeBytes(of: list.handle) { raw in
                Array(raw.bindMemory(to: TPM2_HANDLE.self).prefix(Int(list.count)))
            }
        }
    }

    // MARK: What needs no authorization

    /// What the TPM can or has (TPM 2.0 Part 3, 30.2).
    func capability<R>(
        _ area: TPM2_CAP, _ property: UInt32, count: UInt32, _ read: (TPMU_CAPABILITIES) throws -> R
    ) throws -> R {
        var more: TPMI_YES_NO = 0
        return try call("TPM2_GetCapability") { context, data in
            Esys_GetCapability(
                context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, area, property, count, &more, &data)
        } read: { (data: inout TPMS_CAPABILITY_DATA) in
            guard data.capability == area else { throw Self.senseless("TPM2_GetCapability") }
            return try read(data.data)
        }
    }

    /// Properties that never change, as many as there are from `first` on, at most `count`.
    func properties(from first: TPM2_PT, count: UInt32) throws -> [TPM2_PT: UInt32] {
        try capability(TPM2_CAP_TPM_PROPERTIES, first, count: count) { data in
            let list = data.tpmProperties
            return withUnsafeBytes(of: list.tpmProperty) { raw in
                let found = raw.bindMemory(to: TPMS_TAGGED_PROPERTY.self).prefix(Int(list.count))
                return Dictionary(found.map { ($0.property, $0.value) }, uniquingKeysWith: { first, _ in first })
            }
        }
    }

    /// Random bytes of the TPM, asked for until there are as many.
    func randomBytes(_ count: Int) throws -> Secret {
        var result = Secret([])
        while result.count < count {
            let missing = UInt16(clamping: count - result.count)
            let more = try call("TPM2_GetRandom") { context, more in
                Esys_GetRandom(context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, missing, &more)
            } read: { (more: inout TPM2B_DIGEST) in
                try secret(&more.buffer, count: more.size)
            }
            guard more.count > 0, more.count <= missing else { throw Self.senseless("TPM2_GetRandom") }
            result = Secret(joining: result, more)
        }
        return result
    }

    /// The values of PCRs of the SHA-256 bank, all of one moment.
    func readPCRs(_ indices: Set<Int>) throws -> [Int: [UInt8]] {
        // Others may extend PCRs meanwhile, but not for ever.
        for _ in 0..<10 {
            if let values = try readPCRsOnce(indices) { return values }
        }
        throw AnchorError.busy("its PCRs are extended faster than they are read. Try again later.")
    }

    /// Nil when a PCR was changed in between.
    private func readPCRsOnce(_ indices: Set<Int>) throws -> [Int: [UInt8]]? {
        var values: [Int: [UInt8]] = [:]
        var moment: UInt32?
        while values.count < indices.count {
            let missing = indices.subtracting(values.keys)
            var selection = TPML_PCR_SELECTION(missing)
            var counter: UInt32 = 0
            var read: UnsafeMutablePointer<TPML_PCR_SELECTION>?
            var digests: UnsafeMutablePointer<TPML_DIGEST>?
            defer {
                Self.free(read)
                Self.free(digests)
            }
            try call("TPM2_PCR_Read") { context in
                Esys_PCR_Read(
                    context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection, &counter, &read, &digests)
            }
            guard let read, let digests, let some = read.pointee.indices, missing.isSuperset(of: some) else {
                throw Self.senseless("TPM2_PCR_Read")
            }
            guard !some.isEmpty else {
                throw AnchorError.unfit(
                    "The TPM has no SHA-256 PCRs. Enable that bank in the firmware's settings, or with tpm2_pcrallocate."
                )
            }
            if let moment, moment != counter { return nil }
            moment = counter
            let found = try digests.pointee.values
            guard found.count == some.count, found.allSatisfy({ $0.count == SHA256.byteCount }) else {
                throw Self.senseless("TPM2_PCR_Read")
            }
            for (index, value) in zip(some, found) { values[index] = value }
        }
        return values
    }
}
