import TPMCrypto
import TPMWire

extension GetRandom: CommandActions {
    /// The most bytes that one answer carries.
    static let maximum: UInt32 = 2048

    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2. Fewer than asked for may come.
        let count = Int(min(request.bytesRequested, maximum))
        // 3.
        return Response(randomBytes: Secret(try execution.randomBytes(count)))
    }
}

extension StirRandom: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        guard request.inData.count < 256 else { throw .badParameter }
        // 2. The source mixes it in if it can; what a caller knows never makes it worse.
        execution.environment.random.stir(request.inData)
        return Response()
    }
}
