import TPMCrypto
import TPMWire

extension SetOwnerInstall: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. With an owner there is nothing to do.
        guard !execution.state.permanent.hasOwner else { return Response() }
        // 2.
        try execution.requirePhysicalPresence()
        execution.state.permanent.flags.ownership = request.state
        return Response()
    }
}

extension OwnerSetDisable: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.authorizeOwner()
        execution.state.permanent.flags.disable = request.disableState
        return Response()
    }
}

extension PhysicalEnable: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.requirePhysicalPresence()
        execution.state.permanent.flags.disable = false
        return Response()
    }
}

extension PhysicalDisable: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.requirePhysicalPresence()
        execution.state.permanent.flags.disable = true
        return Response()
    }
}

extension PhysicalSetDeactivated: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2. It counts from the next TPM_Startup(ST_CLEAR) on.
        try execution.requirePhysicalPresence()
        execution.state.permanent.flags.deactivated = request.state
        return Response()
    }
}

extension SetTempDeactivated: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        if let position = execution.authorization.last {
            // 1.
            guard execution.state.permanent.flags.operator, let secret = execution.state.permanent.operatorAuth else {
                throw .noOperator
            }
            try execution.authorize(position, as: .unbound, secret: secret)
        } else {
            // 2.
            try execution.requirePhysicalPresence()
        }
        // 3.
        execution.state.clear.flags.deactivated = true
        // Part 1, 18.1 item 5.
        execution.state.any.transports.closeAll()
        return Response()
    }
}

extension SetOperatorAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        try execution.requirePhysicalPresence()
        execution.state.permanent.operatorAuth = request.operatorAuth
        execution.state.permanent.flags.operator = true
        return Response()
    }
}
