import TPMCrypto
import TPMWire

extension KillMaintenanceFeature: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.authorizeOwner()
        execution.state.permanent.flags.allowMaintenance = false
        return Response()
    }
}

extension LoadManuMaintPub: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 4.
        guard execution.state.permanent.manuMaintPub == nil else { throw .disabledCmd }
        // A key without a modulus is the null key.
        if !request.pubKey.pubKey.key.isEmpty { _ = try request.pubKey.strongRSAKey() }
        // 1. to 3.
        execution.state.permanent.manuMaintPub = request.pubKey
        return Response(checksum: SHA1.hash(try request.pubKey.encoded(), request.antiReplay))
    }
}

extension ReadManuMaintPub: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        guard let key = execution.state.permanent.manuMaintPub else { throw .keyNotFound }
        // 1. and 2.
        return Response(checksum: SHA1.hash(try key.encoded(), request.antiReplay))
    }
}

extension Execution {
    /// The manufacturer's key; TPM_KEYNOTFOUND when there is none, or the null key.
    func maintenanceKey() throws(TPMResult) -> RSAPublicKey {
        guard let key = state.permanent.manuMaintPub, !key.pubKey.key.isEmpty else { throw .keyNotFound }
        return try key.rsaKey()
    }

    /// TPM_DISABLED_CMD once TPM_KillMaintenanceFeature closed both ways, out of this TPM and into it (Part 1, 15).
    func checkMaintenanceAllowed() throws(TPMResult) {
        guard state.permanent.flags.allowMaintenance else { throw .disabledCmd }
    }
}
