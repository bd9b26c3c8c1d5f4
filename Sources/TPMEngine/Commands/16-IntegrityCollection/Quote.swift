import TPMCrypto
import TPMWire

extension Quote: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4. That the selection is valid, decoding has checked.
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last)
        try key.checkAttests()
        // 5. to 8.
        let composite = execution.state.clear.pcrs.composite(request.targetPCR)
        let digest = try execution.state.clear.pcrs.compositeHash(request.targetPCR)
        let info = QuoteInfo(digestValue: digest, externalData: request.externalData)
        return Response(pcrData: composite, sig: try key.sign(SHA1.hash(try info.encoded())))
    }
}

extension Quote2: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last)
        try key.checkAttests()
        // 5. and 6.
        let short = PCRInfoShort(
            pcrSelection: request.targetPCR, localityAtRelease: execution.locality,
            digestAtRelease: try execution.state.clear.pcrs.compositeHash(request.targetPCR))
        // 7. to 11.
        let info = QuoteInfo2(externalData: request.externalData, infoShort: short)
        let version = request.addVersion ? try TPMVersion.info.encoded() : []
        return Response(
            pcrData: short, versionInfo: version, sig: try key.sign(SHA1.hash(try info.encoded(), version)))
    }
}
