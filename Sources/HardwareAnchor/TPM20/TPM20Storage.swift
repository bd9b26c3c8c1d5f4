import CTSS2
import TPMCrypto

/// The two NV indices of an anchor: its record and its counter.
struct TPM20Storage: Sendable {
    let record: TPM2_HANDLE
    let counter: TPM2_HANDLE
    private let secret: Secret

    init(_ form: AnchorMaterial.Form) {
        (record, counter, secret) = (form.record, form.counter, form.secret)
    }

    private static let counterSize = 8
    /// Who has the anchor's secret reads and writes, and nobody else. It is too long to be guessed, so that wrong guesses
    /// need not lock it.
    private static let attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA
    private static let counting = attributes | TPMA_NV(TPM2_NT_COUNTER) << TPMA_NV(TPMA_NV_TPM2_NT_SHIFT)

    // MARK: Use

    func readRecord(_ esys: ESYS) throws -> [UInt8] { try read(record, AnchorRecord.areaSize, esys) }

    func writeRecord(_ area: [UInt8], _ esys: ESYS) throws {
        var data = TPM2B_MAX_NV_BUFFER()
        data.size = try fill(&data.buffer, with: area)
        try with(record, esys) { index, session in
            try esys.call("TPM2_NV_Write") { context in
                Esys_NV_Write(context, index, index, session, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0)
            }
        }
    }

    func readCounter(_ esys: ESYS) throws -> UInt64 {
        try read(counter, Self.counterSize, esys).reduce(0) { $0 << 8 | UInt64($1) }
    }

    func incrementCounter(_ esys: ESYS) throws {
        try with(counter, esys) { index, session in
            try esys.call("TPM2_NV_Increment") { context in
                Esys_NV_Increment(context, index, index, session, ESYS_TR_NONE, ESYS_TR_NONE)
            }
        }
    }

    private func read(_ handle: TPM2_HANDLE, _ size: Int, _ esys: ESYS) throws -> [UInt8] {
        try with(handle, esys) { index, session in
            try esys.call("TPM2_NV_Read") { context, data in
                Esys_NV_Read(
                    context, index, index, session, ESYS_TR_NONE, ESYS_TR_NONE, UInt16(clamping: size), 0, &data)
            } read: { (data: inout TPM2B_MAX_NV_BUFFER) in
                guard Int(data.size) == size else { throw ESYS.senseless("TPM2_NV_Read") }
                return try bytes(data.buffer, count: data.size)
            }
        }
    }

    /// Runs `body` with an index and a session that its authorization authenticates, which covers the answer, too.
    private func with<R>(_ handle: TPM2_HANDLE, _ esys: ESYS, _ body: (ESYS_TR, ESYS_TR) throws -> R) throws -> R {
        let result = try esys.withKept(handle) { index in
            // A stranger's may count wrong guesses, and lock the TPM.
            guard try isMade(handle, index, esys) else { throw anew(handle) }
            do {
                try esys.setAuth(secret, of: index)
                return try esys.withSession { try body(index, $0) }
            } catch let error as TPM20Error where error.isAuthorization || error.response == vtpm_rc_nv_uninitialized {
                throw anew(handle)
            }
        }
        guard let result else {
            throw AnchorError.missing("The TPM has no NV index \(hexadecimal(handle)) any more.")
        }
        return result
    }

    /// Whether an index is as an anchor makes it.
    private func isMade(_ handle: TPM2_HANDLE, _ index: ESYS_TR, _ esys: ESYS) throws -> Bool {
        try esys.call("TPM2_NV_ReadPublic") { context, area in
            Esys_NV_ReadPublic(context, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, nil)
        } read: { (area: inout TPM2B_NV_PUBLIC) in
            let expected =
                handle == counter ? (Self.counting, Self.counterSize) : (Self.attributes, AnchorRecord.areaSize)
            let found = (area.nvPublic.attributes & ~TPMA_NV_WRITTEN, Int(area.nvPublic.dataSize))
            return found == expected
        }
    }

    private func anew(_ handle: TPM2_HANDLE) -> AnchorError {
        .missing("The TPM's NV index \(hexadecimal(handle)) was made anew by somebody else.")
    }

    // MARK: Making, for the owner

    /// Makes the index of the record, with a record of no bytes.
    func makeRecord(_ esys: ESYS, saltedTo parent: ESYS_TR) throws {
        try define(record, size: AnchorRecord.areaSize, Self.attributes, esys, saltedTo: parent)
        try writeRecord(try AnchorRecord.encode([]), esys)
    }

    /// Makes the index of the counter, which starts above every value that any counter of the TPM had.
    func makeCounter(_ esys: ESYS, saltedTo parent: ESYS_TR) throws {
        try define(counter, size: Self.counterSize, Self.counting, esys, saltedTo: parent)
        try incrementCounter(esys)
    }

    private func define(
        _ handle: TPM2_HANDLE, size: Int, _ attributes: TPMA_NV, _ esys: ESYS, saltedTo parent: ESYS_TR
    ) throws {
        var auth = TPM2B_AUTH()
        defer { wipe(&auth) }
        auth.size = try fill(&auth.buffer, with: secret)
        var area = TPM2B_NV_PUBLIC()
        area.nvPublic.nvIndex = handle
        area.nvPublic.nameAlg = TPM2_ALG_SHA256
        area.nvPublic.attributes = attributes
        area.nvPublic.dataSize = UInt16(clamping: size)
        try esys.withSession(saltedTo: parent, encryption: TPMA_SESSION_DECRYPT) { session in
            var made = ESYS_TR_NONE
            try esys.call("TPM2_NV_DefineSpace") { context in
                Esys_NV_DefineSpace(
                    context, ESYS_TR_RH_OWNER, session, ESYS_TR_NONE, ESYS_TR_NONE, &auth, &area, &made)
            }
        }
    }

    /// Removes an index, whosever it is, if it is there.
    static func remove(_ handle: TPM2_HANDLE, _ esys: ESYS, saltedTo parent: ESYS_TR = ESYS_TR_NONE) throws {
        _ = try esys.withKept(handle) { index in
            try esys.withSession(saltedTo: parent) { session in
                try esys.call("TPM2_NV_UndefineSpace") { context in
                    Esys_NV_UndefineSpace(context, ESYS_TR_RH_OWNER, index, session, ESYS_TR_NONE, ESYS_TR_NONE)
                }
            }
        }
    }
}
