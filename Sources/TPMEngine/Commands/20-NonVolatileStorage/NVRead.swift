import TPMCrypto
import TPMWire

extension NVReadValue: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let isLocked = execution.state.permanent.flags.nvLocked
        // 2.
        let area = try execution.nvArea(request.nvIndex)
        let attributes = area.pubInfo.permission.attributes
        let isOwnerRead = attributes.contains(.ownerRead)
        // 3.
        if isLocked, isOwnerRead { try execution.checkEnabled() }
        // 4. and 5. An area with a secret of its own is never read with another, or without (1.b).
        guard !attributes.contains(.authRead) else { throw .authConflict }
        if execution.authorization.last != nil {
            guard isOwnerRead || !isLocked else { throw .authConflict }
            try execution.authorizeOwner()
        } else {
            guard !isOwnerRead || !isLocked else { throw .authConflict }
        }
        if isLocked {
            // 6. to 9.
            try execution.checkLocality(area.pubInfo.pcrInfoRead)
            if attributes.contains(.ppRead) { try execution.requirePhysicalPresence() }
            try execution.checkReadLock(area)
            try execution.checkPCRs(area.pubInfo.pcrInfoRead)
        }
        // 10. and 11.
        return Response(data: try execution.read(request, from: area))
    }
}

extension NVReadValueAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        let area = try execution.state.permanent.nv.area(request.nvIndex)
        guard area.pubInfo.permission.attributes.contains(.authRead) else { throw .authConflict }
        try execution.authorize(.first, as: .nv(request.nvIndex), secret: area.authValue)
        // 4. to 7.
        if area.pubInfo.permission.attributes.contains(.ppRead) { try execution.requirePhysicalPresence() }
        try execution.checkLocality(area.pubInfo.pcrInfoRead)
        try execution.checkPCRs(area.pubInfo.pcrInfoRead)
        try execution.checkReadLock(area)
        // 8. and 9.
        return Response(data: try execution.read(request, from: area))
    }
}

extension Execution {
    /// TPM_DISABLED_CMD once the area was locked for reading (Part 3, 20.4 action 8).
    fileprivate func checkReadLock(_ area: NVArea) throws(TPMResult) {
        guard area.pubInfo.permission.attributes.contains(.readSTClear) else { return }
        if state.clear.nvLocks[area.pubInfo.nvIndex]?.bReadSTClear == true { throw .disabledCmd }
    }

    /// Reads, or locks the area when nothing is asked for (Part 3, 20.4 actions 10 and 11).
    fileprivate mutating func read(_ request: NVReadValue.Request, from area: NVArea) throws(TPMResult) -> [UInt8] {
        guard request.dataSize > 0 else {
            if request.nvIndex != NVIndex.dir {
                state.clear.nvLocks[request.nvIndex, default: NVLocks()].bReadSTClear = true
            }
            return []
        }
        guard let range = area.range(offset: request.offset, count: request.dataSize) else { throw .noSpace }
        guard range.count <= NVStorage.maximumRead else { throw .noSpace }
        return Array(area.data[range])
    }
}
