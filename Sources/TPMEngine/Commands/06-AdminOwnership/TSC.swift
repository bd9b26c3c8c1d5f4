import TPMWire

extension TSCPhysicalPresence: CommandActions {
    /// What may be set for the life of the TPM.
    private static let lifetime: PhysicalPresence = [.lifetimeLock, .hwEnable, .hwDisable, .cmdEnable, .cmdDisable]

    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let presence = request.physicalPresence
        // 1. to 4.
        if presence.isDisjoint(with: lifetime) {
            try assert(presence, in: &execution)
        } else {
            try setLifetime(presence, in: &execution)
        }
        return Response()
    }

    private static func setLifetime(
        _ presence: PhysicalPresence, in execution: inout Execution
    ) throws(TPMResult) {
        var flags = execution.state.permanent.flags
        // 2.a. to 2.d.
        guard !flags.physicalPresenceLifetimeLock, lifetime.isSuperset(of: presence),
            !presence.isSuperset(of: [.hwEnable, .hwDisable]), !presence.isSuperset(of: [.cmdEnable, .cmdDisable])
        else { throw .badParameter }
        // 2.e. to 2.i.
        if presence.contains(.hwEnable) { flags.physicalPresenceHWEnable = true }
        if presence.contains(.hwDisable) { flags.physicalPresenceHWEnable = false }
        if presence.contains(.cmdEnable) { flags.physicalPresenceCMDEnable = true }
        if presence.contains(.cmdDisable) { flags.physicalPresenceCMDEnable = false }
        if presence.contains(.lifetimeLock) { flags.physicalPresenceLifetimeLock = true }
        execution.state.permanent.flags = flags
    }

    private static func assert(_ presence: PhysicalPresence, in execution: inout Execution) throws(TPMResult) {
        // 3.b. to 3.e., and 4. for no bit at all.
        guard execution.state.permanent.flags.physicalPresenceCMDEnable, !presence.isEmpty,
            !presence.isSuperset(of: [.lock, .present]), !presence.isSuperset(of: [.present, .notPresent]),
            !execution.state.clear.flags.physicalPresenceLock
        else { throw .badParameter }
        // 3.f. to 3.h.
        if presence.contains(.lock) {
            execution.state.clear.flags.physicalPresence = false
            execution.state.clear.flags.physicalPresenceLock = true
        } else {
            execution.state.clear.flags.physicalPresence = presence.contains(.present)
        }
    }
}

extension TSCResetEstablishmentBit: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        guard execution.isDynamicLaunch else { throw .badLocality }
        execution.state.permanent.flags.tpmEstablished = false
        return Response()
    }
}

extension Execution {
    /// True at the localities 3 and 4, those of a dynamic launch.
    var isDynamicLaunch: Bool { locality == .three || locality == .four }
}
