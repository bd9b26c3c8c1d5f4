import TPMCrypto
import TPMWire

extension UnBind: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        guard !request.inData.isEmpty else { throw .badParameter }
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last)
        // 3.
        guard key.key.keyUsage == .bind || key.key.keyUsage == .legacy else { throw .invalidKeyUsage }
        // 4. More than the key's size cannot have been encrypted with it.
        guard request.inData.count <= key.key.pubKey.key.count else { throw .badDataSize }
        let isOAEP = key.key.algorithmParms.encScheme == .rsaesOAEPSHA1MGF1
        let plain = isOAEP ? try key.decrypt(request.inData) : try key.decryptPKCS1(request.inData)
        // 5. A legacy key's data carries no marks of a TPM.
        if !isOAEP, key.key.keyUsage == .legacy { return Response(outData: plain) }
        // 6.
        let bound = try WireDecoder.decode(BoundData.self, from: plain, short: .decryptError)
        guard bound.payload == .bind else { throw .invalidStructure }
        return Response(outData: bound.payloadData)
    }
}
