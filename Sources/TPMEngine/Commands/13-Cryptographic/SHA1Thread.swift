import TPMCrypto
import TPMWire

extension SHA1Start: CommandActions {
    /// What one TPM_SHA1Update may carry, in bytes.
    static let maxNumBytes: UInt32 = 2048

    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        execution.state.any.sha1 = SHA1()
        return Response(maxNumBytes: maxNumBytes)
    }
}

extension SHA1Update: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        guard var sha1 = execution.state.any.sha1 else { throw .shaThread }
        // 2. and 3.
        guard request.hashData.count % 64 == 0, request.hashData.count <= SHA1Start.maxNumBytes else {
            throw .shaError
        }
        // 4. The state gives its reference up first, so that nothing is copied.
        execution.state.any.sha1 = nil
        sha1.update(request.hashData)
        execution.state.any.sha1 = sha1
        return Response()
    }
}

extension SHA1Complete: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        Response(hashValue: try execution.completeSHA1(request.hashData))
    }
}

extension SHA1CompleteExtend: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 5. to 8.
        let index = try execution.state.clear.pcrs.index(request.pcrNum)
        try execution.state.clear.pcrs.checkExtend(index, locality: execution.locality)
        // 9.
        let digest = try execution.completeSHA1(request.hashData)
        // 10.
        let value = execution.state.clear.pcrs.extend(index, with: digest)
        return Response(hashValue: digest, outDigest: execution.hidesPCRs ? .zero : value)
    }
}

extension Execution {
    /// Ends the SHA-1 thread over at most 64 last bytes (Part 3, 13.3).
    fileprivate mutating func completeSHA1(_ last: [UInt8]) throws(TPMResult) -> Digest {
        guard var sha1 = state.any.sha1 else { throw .shaThread }
        guard last.count <= 64 else { throw .shaError }
        state.any.sha1 = nil
        sha1.update(last)
        return sha1.finalize()
    }
}

/// The commands that go on with a running SHA-1 thread; every other one ends it (Part 3, 13.1).
enum SHA1Thread {
    static let ordinals: Set<Ordinal> = [.sha1Update, .sha1Complete, .sha1CompleteExtend]
}
