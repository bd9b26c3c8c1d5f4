import TPMCrypto
import TPMWire

extension Extend: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let index = try execution.state.clear.pcrs.index(request.pcrNum)
        // 2. to 4.
        try execution.state.clear.pcrs.checkExtend(index, locality: execution.locality)
        // 5. to 7.
        let value = execution.state.clear.pcrs.extend(index, with: request.inDigest)
        // 8. and 9.
        return Response(outDigest: execution.hidesPCRs ? .zero : value)
    }
}

extension PcrRead: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let index = try execution.state.clear.pcrs.index(request.pcrIndex)
        // 2.
        return Response(outDigest: execution.state.clear.pcrs[index])
    }
}

extension PCRReset: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        guard !request.pcrSelection.isEmpty else { throw .invalidPCRInfo }
        // 2. to 4.
        try execution.state.clear.pcrs.reset(
            request.pcrSelection, locality: execution.locality, tosPresent: execution.state.any.tosPresent)
        return Response()
    }
}
