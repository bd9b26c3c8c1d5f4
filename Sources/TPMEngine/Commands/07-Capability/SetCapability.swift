import TPMWire

extension SetCapability: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        if execution.authorization.last != nil { try execution.authorizeOwner() }
        // 2. to 4.
        let subCap = try SubCap(bytes: request.subCap, wrongSize: .badParameter).uint32()
        guard let area = SetCapabilityArea(rawValue: request.capArea), let value = SettableValue.row(area, subCap)
        else { throw .badParameter }
        try value.set(request.setValue, in: &execution)
        return Response()
    }
}

/// One row with a "Y" of the tables "Flag Restrictions" and "Structure Member Restrictions" of Part 2, 7.1 to 7.6.
struct SettableValue: Sendable {
    /// What the table's column "Set restrictions" can ask for, and what the lack of it is answered with.
    enum Restriction {
        /// TPM_AUTHFAIL without the owner's session.
        case ownerAuthorization
        /// TPM_BADTAG with a session.
        case noAuthorization
        /// TPM_AUTHFAIL with neither.
        case ownerAuthorizationOrPhysicalPresence
        /// TPM_AUTHFAIL with nobody there.
        case physicalPresence
        /// TPM_OWNER_SET.
        case noOwner
        /// TPM_BAD_LOCALITY.
        case localityThreeOrFour
        /// TPM_DISABLED.
        case enabled
        /// TPM_DISABLED or TPM_DEACTIVATED.
        case enabledAndActive
    }

    /// Checks the value and stores it; TPM_BAD_PARAMETER for one that does not fit.
    typealias Store = @Sendable ([UInt8], inout Execution) throws(TPMResult) -> Void

    let restrictions: [Restriction]
    /// Of the value, in bytes; another is TPM_BAD_PARAMETER.
    let size: Int
    let store: Store

    /// - Parameter fixed: the only value that the flag may be set to.
    init(
        flag: WritableKeyPath<TPMState, Bool> & Sendable, _ restrictions: [Restriction], only fixed: Bool? = nil
    ) {
        self.init(restrictions, size: 1) { bytes, execution throws(TPMResult) in
            var decoder = WireDecoder(bytes, short: .badParameter)
            var value = false
            try decoder.bool("setValue", &value)
            try decoder.finish()
            guard value == fixed ?? value else { throw .badParameter }
            execution.state[keyPath: flag] = value
        }
    }

    init(_ restrictions: [Restriction], size: Int, store: @escaping Store) {
        self.restrictions = restrictions
        self.size = size
        self.store = store
    }

    func set(_ value: [UInt8], in execution: inout Execution) throws(TPMResult) {
        // A value of another size is told before anything that keeps a right one from being stored.
        guard value.count == size else { throw .badParameter }
        for restriction in restrictions { try execution.check(restriction) }
        try store(value, &execution)
    }
}

extension Execution {
    fileprivate func check(_ restriction: SettableValue.Restriction) throws(TPMResult) {
        // The owner's authorization was verified before, if there was any.
        let isAuthorized = authorization.last != nil
        switch restriction {
        case .ownerAuthorization:
            guard isAuthorized else { throw .authFail }
        case .noAuthorization:
            guard !isAuthorized else { throw .badTag }
        case .ownerAuthorizationOrPhysicalPresence:
            guard isAuthorized || physicalPresence else { throw .authFail }
        case .physicalPresence:
            guard physicalPresence else { throw .authFail }
        case .noOwner:
            guard !state.permanent.hasOwner else { throw .ownerSet }
        case .localityThreeOrFour:
            guard isDynamicLaunch else { throw .badLocality }
        case .enabled:
            guard !state.permanent.flags.disable else { throw .disabled }
        case .enabledAndActive:
            try checkEnabled()
        }
    }
}
