import TPMCrypto
import TPMWire

extension DelegateUpdateVerification: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        // 2. An index has fewer bytes than any blob.
        guard request.inputData.count != MemoryLayout<UInt32>.size else {
            let index = request.inputData.reduce(0) { $0 << 8 | UInt32($1) }
            var row = try execution.state.permanent.delegation.row(index)
            try update(&row.pub, in: execution)
            try execution.state.permanent.delegation.set(row, at: index)
            return Response()
        }
        // 10.
        switch try AnyDelegateBlob(request.inputData) {
        case .owner(let blob): return Response(outputData: try updated(blob, in: &execution).encoded())
        case .key(let blob): return Response(outputData: try updated(blob, in: &execution).encoded())
        }
    }

    private static func updated<Blob: DelegateBlob>(
        _ blob: Blob, in execution: inout Execution
    ) throws(TPMResult) -> Blob {
        // 3.
        try execution.checkIntegrity(blob)
        var blob = blob
        try update(&blob.pub, in: execution)
        // 9.
        return try execution.authenticated(blob)
    }

    /// Gives a delegation the count that its family has now (actions 4 to 8).
    private static func update(_ pub: inout DelegatePublic, in execution: Execution) throws(TPMResult) {
        // 4. to 7. A delegation that authorizes is of an enabled family, as its use has checked.
        let family = try execution.state.permanent.delegation.family(pub.familyID)
        try execution.checkFamily(pub.familyID)
        // 8.
        pub.verificationCount = family.verificationCount
    }
}

extension DelegateVerifyDelegation: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        switch try AnyDelegateBlob(request.delegation) {
        case .owner(let blob): try verify(blob, in: &execution)
        case .key(let blob): try verify(blob, in: &execution)
        }
        return Response()
    }

    private static func verify<Blob: DelegateBlob>(_ blob: Blob, in execution: inout Execution) throws(TPMResult) {
        // 4. to 7.
        try execution.state.permanent.delegation.checkUsable(blob.pub)
        // 8.
        try execution.checkIntegrity(blob)
        // 9. and 10.
        _ = try execution.authValue(of: blob, else: .badParameter)
    }
}
