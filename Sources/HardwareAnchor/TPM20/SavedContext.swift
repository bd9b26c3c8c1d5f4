import CTSS2

/// A loaded object as the TPM wrote it out, encrypted (TPM 2.0 Part 3, 28.2). It can be loaded again until the machine
/// starts anew, which is quicker than making it again.
final class SavedContext: @unchecked Sendable {
    /// Never changed.
    private let context: UnsafeMutablePointer<TPMS_CONTEXT>

    init(of object: ESYS_TR, _ esys: ESYS) throws {
        var saved: UnsafeMutablePointer<TPMS_CONTEXT>?
        try esys.call("TPM2_ContextSave") { context in Esys_ContextSave(context, object, &saved) }
        guard let saved else { throw ESYS.senseless("TPM2_ContextSave") }
        context = saved
    }

    deinit { ESYS.free(context) }

    /// The object, which the caller flushes.
    func load(_ esys: ESYS) throws -> ESYS_TR {
        var object = ESYS_TR_NONE
        try esys.call("TPM2_ContextLoad") { Esys_ContextLoad($0, context, &object) }
        return object
    }
}
