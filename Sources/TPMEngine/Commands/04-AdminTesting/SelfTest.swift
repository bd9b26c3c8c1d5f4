import TPMWire

extension SelfTestFull: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2. TPM.execute takes the TPM into failure mode.
        guard SelfTest.passes(in: execution) else { throw .failedSelfTest }
        return Response()
    }
}

extension ContinueSelfTest: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3. Every test runs before the answer.
        guard SelfTest.passes(in: execution) else { throw .failedSelfTest }
        return Response()
    }
}

extension GetTestResult: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2. One word on the last self-test, the same on every TPM.
        Response(outData: Array((execution.state.any.isFailed ? "failed" : "passed").utf8))
    }
}
