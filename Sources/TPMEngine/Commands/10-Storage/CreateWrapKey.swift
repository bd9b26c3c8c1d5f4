import TPMCrypto
import TPMWire

extension CreateWrapKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let flags = execution.state.permanent.flags
        var template = request.keyInfo
        // 1. and 2.
        let parent = try execution.useKey(request.parentHandle, at: .first)
        try execution.requireOSAP(at: .first)
        // 3.
        _ = try template.algorithmParms.rsaSize()
        // 4. and 5.
        guard parent.isStorage else { throw .invalidKeyUsage }
        let isMigratable = template.keyFlags.contains(.migratable)
        guard !parent.isMigratable || isMigratable else { throw .invalidKeyUsage }
        // 6.
        guard template.keyUsage != .identity, template.keyUsage != .authChange,
            !template.keyFlags.contains(.migrateAuthority)
        else { throw .invalidKeyUsage }
        // 7. to 9.
        try template.checkFIPS(flags)
        try template.checkParameters()
        // 10. to 12.
        let usageAuth = try execution.decrypt(request.dataUsageAuth, at: .first)
        let migrationAuth = try execution.decrypt(request.dataMigrationAuth, at: .first, isSecondValue: true)
        // 15. What the blob says of its making is under the digest of the public part.
        try template.recordCreation(in: execution)
        // 13. and 14.
        let key = try LoadedKey.generate(
            template, usageAuth: usageAuth,
            migrationAuth: isMigratable ? migrationAuth : try execution.blobSecrets().tpmProof,
            from: execution.environment.keyPairs)
        // 16. and 17.
        return Response(wrappedKey: try key.wrapped(by: parent, random: execution.environment.random))
    }
}
