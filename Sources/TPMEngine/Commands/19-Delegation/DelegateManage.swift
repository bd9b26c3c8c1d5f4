import TPMCrypto
import TPMWire

extension DelegateManage: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let tables = execution.state.permanent.delegation
        let operation = FamilyOperation(rawValue: request.opCode)
        // 1.
        let family = operation == .create ? nil : try tables.family(request.familyID)
        if execution.authorization.last != nil {
            // 2.
            guard execution.state.permanent.hasOwner else { throw .authFail }
            try execution.authorizeOwner()
            if family != nil { try execution.checkFamily(request.familyID) }
        } else {
            // 3.
            try execution.checkUnownedTables(family)
        }
        // 4. With it comes 6.: the session, if it is one of TPM_DSAP, is over.
        execution.invalidateDelegatedSessions()
        var response = Response()
        switch operation {
        case .create:
            // 5.
            guard request.opData.count == 1, let label = request.opData.first else { throw .badParamSize }
            response.retData = execution.uint32(try execution.state.permanent.delegation.createFamily(label: label))
        case .admin:
            // 7.
            try execution.state.permanent.delegation.setFlag(
                .delegateAdminLock, try bool(request.opData), ofFamily: request.familyID)
        case .enable:
            // 8.
            try execution.state.permanent.delegation.setFlag(
                .enabled, try bool(request.opData), ofFamily: request.familyID)
        case .invalidate:
            // 9.
            try execution.state.permanent.delegation.invalidateFamily(request.familyID)
        case nil:
            // 10.
            throw .badParameter
        }
        // 3.c.
        execution.countUnownedWrite()
        return response
    }

    /// opData as a BOOL: TPM_BAD_PARAM_SIZE for another size, TPM_BAD_PARAMETER for another value.
    private static func bool(_ opData: [UInt8]) throws(TPMResult) -> Bool {
        var decoder = WireDecoder(opData)
        var value = false
        try decoder.bool("opData", &value)
        try decoder.finish()
        return value
    }
}

extension Execution {
    /// The family of the delegation that stands for the owner, nil when the owner authorized the command.
    private var ownerFamily: UInt32? { authorization.last.flatMap { authorization.delegation(at: $0)?.familyID } }

    /// TPM_DELEGATE_FAMILY when the owner's authorization is a delegation of another family (Part 3, 19.1 action 2.b).
    func checkFamily(_ id: UInt32) throws(TPMResult) {
        guard ownerFamily ?? id == id else { throw .delegateFamily }
    }

    /// Checks that the tables can be changed without authorization: TPM_AUTHFAIL with an owner, TPM_DELEGATE_LOCK when
    /// the family was locked, TPM_MAXNVWRITES (Part 3, 19.1 action 3 and 19.4 action 5).
    func checkUnownedTables(_ family: FamilyTableEntry?) throws(TPMResult) {
        guard !state.permanent.hasOwner else { throw .authFail }
        if let family, family.flags.contains(.delegateAdminLock) { throw .delegateLock }
        try checkUnownedWrites()
    }
}
