import TPMCrypto
import TPMWire

extension NVDefineSpace: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let info = request.pubInfo
        let isAuthorized = execution.authorization.last != nil
        let isLocked = execution.state.permanent.flags.nvLocked
        // 1. From here on the areas are protected.
        if info.nvIndex == NVIndex.lock, !isAuthorized {
            guard info.dataSize == 0 else { throw .badIndex }
            execution.state.permanent.flags.nvLocked = true
            return Response()
        }
        // 2. Until then nothing is checked but the number of writes.
        if isLocked { try execution.checkEnabled() }
        // 3.
        if isLocked, NVIndex.isPermanent(info.nvIndex) { throw .badIndex }
        guard info.nvIndex != NVIndex.index0 else { throw .badIndex }
        // 4. and 5.
        let authValue: Secret
        if isAuthorized {
            try execution.authorizeOwner()
            authValue = try execution.decrypt(request.encAuth, at: .first)
        } else {
            if isLocked {
                try execution.requirePhysicalPresence()
                if execution.state.permanent.hasOwner { throw .ownerSet }
                guard info.dataSize != 0 else { throw .badDataSize }
            }
            try execution.checkUnownedWrites()
            authValue = request.encAuth
        }
        // 6.
        if let old = execution.state.permanent.nv.areas[info.nvIndex] {
            if isLocked { try execution.checkVolatileLocks(old) }
            execution.remove(area: info.nvIndex)
            guard info.dataSize != 0 else {
                execution.countUnownedWrite()
                return Response()
            }
        }
        // 7. and 8. were part of the decoding. 9.
        try check(info)
        // 10. to 12.
        try execution.state.permanent.nv.checkSpace(info.dataSize)
        guard info.nvIndex != NVIndex.trial else { return Response() }
        execution.countUnownedWrite()
        // An area that went with its owner may have left its locks behind.
        if execution.state.clear.nvLocks[info.nvIndex] != nil { execution.state.clear.nvLocks[info.nvIndex] = nil }
        var pubInfo = info
        pubInfo.bReadSTClear = false
        pubInfo.bWriteSTClear = false
        pubInfo.bWriteDefine = false
        execution.state.permanent.nv.areas[info.nvIndex] = NVArea(
            pubInfo: pubInfo, authValue: authValue, data: [UInt8](repeating: 0xff, count: Int(info.dataSize)))
        return Response()
    }

    /// Whether the attributes make sense together, and the index on this TPM (action 9).
    private static func check(_ info: NVDataPublic) throws(TPMResult) {
        let attributes = info.permission.attributes
        guard !attributes.isSuperset(of: [.ownerWrite, .authWrite]),
            !attributes.isSuperset(of: [.ownerRead, .authRead])
        else { throw .authConflict }
        if attributes.isDisjoint(with: [.ownerWrite, .authWrite, .writeDefine, .ppWrite]),
            info.pcrInfoWrite.localityAtRelease == .all
        {
            throw .perNoWrite
        }
        guard NVIndex.isDefinable(info.nvIndex) else { throw .badIndex }
        guard info.dataSize != 0 else { throw .badParamSize }
    }
}
