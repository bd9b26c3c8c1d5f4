import Emulators

/// Commands of TPM 2.0 that the tests send past the anchor (TPM 2.0 Part 3).
struct TPM20Commands {
    let tpm: HardwareTPM

    /// Why a command failed.
    struct Failure: Error, Equatable {
        let code: UInt32
    }

    /// The parameters of the answer.
    @discardableResult
    func send(_ code: UInt32, handles: [UInt32] = [], auth: [[UInt8]] = [], _ parameters: [UInt8] = []) throws
        -> [UInt8]
    {
        let sessions: [UInt8] = auth.flatMap { secret -> [UInt8] in
            Self.bytes(0x4000_0009) + [0, 0, 0, 0, UInt8(secret.count)] + secret
        }
        let area = auth.isEmpty ? [] : Self.bytes(UInt32(sessions.count)) + sessions
        let body = Self.bytes(code) + handles.flatMap(Self.bytes) + area + parameters
        let command = [0x80, auth.isEmpty ? 0x01 : 0x02] + Self.bytes(UInt32(body.count + 6)) + body
        var answer = try tpm.execute(command)
        var result = answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) }
        // TPM_RC_RETRY: the TPM wants it sent again.
        while result == 0x922 {
            answer = try tpm.execute(command)
            result = answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) }
        }
        guard result == 0 else { throw Failure(code: result) }
        return Array(answer.dropFirst(10))
    }

    /// TPM2_PCR_Extend of the SHA-256 bank.
    func extend(_ index: UInt32, _ digest: [UInt8]) throws {
        try send(0x182, handles: [index], auth: [[]], [0, 0, 0, 1, 0x00, 0x0b] + digest)
    }

    /// The handles from `first` on that there are: transient objects, loaded or saved sessions, NV indices.
    func handles(_ first: UInt32) throws -> [UInt32] {
        let answer = try send(0x17a, [0, 0, 0, 1] + Self.bytes(first) + [0, 0, 0, 0x40])
        let list = answer.dropFirst(9)
        return stride(from: list.startIndex, to: list.endIndex, by: 4).map { start in
            list[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// TPM2_HierarchyChangeAuth of the owner's hierarchy.
    func setOwner(from old: [UInt8], to new: [UInt8]) throws {
        try send(0x129, handles: [0x4000_0001], auth: [old], [0, UInt8(new.count)] + new)
    }

    /// TPM2_Clear with the lockout's authorization, which is empty.
    func clear() throws { try send(0x126, handles: [0x4000_000a], auth: [[]]) }

    /// TPM2_NV_UndefineSpace for the owner.
    func undefine(_ index: UInt32, owner: [UInt8] = []) throws {
        try send(0x122, handles: [0x4000_0001, index], auth: [owner])
    }

    /// TPM2_NV_DefineSpace of an index with an authorization of its own, whose failures count.
    func define(_ index: UInt32, size: UInt8, attributes: UInt32, auth: [UInt8]) throws {
        let area = Self.bytes(index) + [0x00, 0x0b] + Self.bytes(attributes) + [0, 0, 0, size]
        try send(
            0x12a, handles: [0x4000_0001], auth: [[]], [0, UInt8(auth.count)] + auth + [0, UInt8(area.count)] + area)
    }

    /// TPM2_NV_Write with the index's own authorization.
    func write(_ index: UInt32, _ data: [UInt8], auth: [UInt8]) throws {
        try send(0x137, handles: [index, index], auth: [auth], [0, UInt8(data.count)] + data + [0, 0])
    }

    /// TPM2_NV_Read with the index's own authorization.
    func read(_ index: UInt32, size: UInt8, auth: [UInt8]) throws {
        try send(0x14e, handles: [index, index], auth: [auth], [0, size, 0, 0])
    }

    /// TPM2_StartAuthSession without a key, so that one place less is free.
    func startSession() throws {
        try send(
            0x176, handles: [0x4000_0007, 0x4000_0007],
            [0, 16] + [UInt8](repeating: 7, count: 16) + [0, 0, 0, 0, 0x10, 0x00, 0x0b])
    }

    /// TPM2_CreatePrimary of a key in the null hierarchy, so that one place less is free.
    func fillObjectSlot() throws {
        // A key for HMACs with SHA-256.
        let area: [UInt8] = [0x00, 0x08, 0x00, 0x0b, 0x00, 0x04, 0x00, 0x60, 0, 0, 0x00, 0x05, 0x00, 0x0b, 0, 0]
        try send(
            0x131, handles: [0x4000_0007], auth: [[]],
            [0, 4, 0, 0, 0, 0] + [0, UInt8(area.count)] + area + [0, 0, 0, 0, 0, 0])
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
