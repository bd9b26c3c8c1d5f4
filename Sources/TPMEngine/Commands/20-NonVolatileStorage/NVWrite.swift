import TPMCrypto
import TPMWire

extension NVWriteValue: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let isLocked = execution.state.permanent.flags.nvLocked
        let isAuthorized = execution.authorization.last != nil
        let isIndex0 = request.nvIndex == NVIndex.index0
        // 2. The index 0 has no area: writing to it is the global lock.
        let area = isIndex0 ? NVArea.none : try execution.nvArea(request.nvIndex)
        let attributes = area.pubInfo.permission.attributes
        let isOwnerWrite = attributes.contains(.ownerWrite)
        // 3.
        if isLocked, isOwnerWrite { try execution.checkEnabled() }
        // 4. and 5.
        if isAuthorized {
            guard isOwnerWrite || isIndex0 || !isLocked else { throw .authConflict }
            try execution.authorizeOwner()
        } else {
            guard !isOwnerWrite || isIndex0 || !isLocked else { throw .authConflict }
            try execution.checkUnownedWrites()
        }
        // 6.
        if isIndex0 {
            guard request.data.isEmpty else { throw .badIndex }
            execution.state.clear.flags.bGlobalLock = true
            return Response()
        }
        // 7.
        guard !attributes.contains(.authWrite) else { throw .authConflict }
        if isLocked {
            // 8. to 13.
            try execution.checkLocality(area.pubInfo.pcrInfoWrite)
            if attributes.contains(.ppWrite) { try execution.requirePhysicalPresence() }
            try execution.checkWriteLocks(area)
            try execution.checkPCRs(area.pubInfo.pcrInfoWrite)
        }
        // 14. to 16. Locking an area is no write.
        try execution.write(request, to: area)
        if !request.data.isEmpty { execution.countUnownedWrite() }
        return Response()
    }
}

extension NVWriteValueAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        let area = try execution.state.permanent.nv.area(request.nvIndex)
        guard area.pubInfo.permission.attributes.contains(.authWrite) else { throw .authConflict }
        try execution.authorize(.first, as: .nv(request.nvIndex), secret: area.authValue)
        // 4. to 9.
        try execution.checkLocality(area.pubInfo.pcrInfoWrite)
        if area.pubInfo.permission.attributes.contains(.ppWrite) { try execution.requirePhysicalPresence() }
        try execution.checkPCRs(area.pubInfo.pcrInfoWrite)
        try execution.checkWriteLocks(area)
        // 10. to 12.
        try execution.write(request, to: area)
        return Response()
    }
}

extension Execution {
    /// TPM_AREA_LOCKED for any lock on writing (Part 3, 20.2 actions 10 to 12).
    fileprivate func checkWriteLocks(_ area: NVArea) throws(TPMResult) {
        if area.pubInfo.permission.attributes.contains(.writeDefine), area.pubInfo.bWriteDefine { throw .areaLocked }
        try checkVolatileLocks(area)
    }

    /// Writes, or locks the area when there is nothing to write (Part 3, 20.2 actions 14 to 16).
    fileprivate mutating func write(_ request: NVWriteValue.Request, to area: NVArea) throws(TPMResult) {
        let index = request.nvIndex
        guard !request.data.isEmpty else {
            // The register of 1.1 has no locks.
            guard index != NVIndex.dir else { return }
            state.clear.nvLocks[index, default: NVLocks()].bWriteSTClear = true
            state.clear.nvLocks[index, default: NVLocks()].bReadSTClear = false
            state.permanent.nv.areas[index]?.pubInfo.bWriteDefine = true
            return
        }
        guard let range = area.range(offset: request.offset, count: UInt32(clamping: request.data.count)) else {
            throw .noSpace
        }
        if area.pubInfo.permission.attributes.contains(.writeAll), range.count != area.data.count {
            throw .notFullWrite
        }
        if index == NVIndex.dir {
            guard let value = Digest(request.data) else { throw .notFullWrite }
            state.permanent.authDIR = value
            return
        }
        state.permanent.nv.areas[index]?.data.replaceSubrange(range, with: request.data)
        if state.clear.nvLocks[index]?.bReadSTClear == true { state.clear.nvLocks[index]?.bReadSTClear = false }
    }
}
