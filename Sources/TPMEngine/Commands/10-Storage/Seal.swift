import TPMCrypto
import TPMWire

extension Seal: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let key = try execution.sealingKey(request.keyHandle, inData: request.inData)
        // 5. to 11. The kind of blob follows the kind of PCR info.
        let blob = try SealedBlob.empty(
            pcrInfo: request.pcrInfo, isLongForm: request.pcrInfo.starts(with: [0x00, 0x06]), in: execution)
        // 12.
        let authData = try execution.decrypt(request.encAuth, at: .first)
        // 14. to 20.
        return Response(
            sealedData: try execution.seal(request.inData, authData: authData, into: blob, with: key))
    }
}

extension Sealx: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let key = try execution.sealingKey(request.keyHandle, inData: request.inData)
        // 5. to 9.
        let blob = try SealedBlob.empty(pcrInfo: request.pcrInfo, isLongForm: true, in: execution)
        guard case .storedData12(var stored) = blob else { throw .fail }
        // 11.
        let authData = try execution.decrypt(request.encAuth, at: .first)
        let scheme = try execution.session(at: .first).binding?.scheme ?? .xor
        stored.et =
            scheme == .xor
            ? EntityType(scheme: .xor, kind: .key) : EntityType(rawValue: UInt16(scheme.rawValue) << 8)
        // 13. and 14.
        let data = try execution.maskData(request.inData, at: .first, scheme: scheme)
        // 15. to 21.
        return Response(
            sealedData: try execution.seal(data, authData: authData, into: .storedData12(stored), with: key))
    }
}

extension Execution {
    /// The storage key that seals, and its authorization (Part 3, 10.1 actions 1 to 4).
    fileprivate mutating func sealingKey(_ handle: KeyHandle, inData: Secret) throws(TPMResult) -> LoadedKey {
        let key = try useKey(handle, at: .first)
        try requireOSAP(at: .first)
        guard inData.count > 0 else { throw .badParameter }
        guard key.isStorage, !key.isMigratable else { throw .invalidKeyUsage }
        return key
    }

    /// Encrypts the data with what ties it to this TPM and to the blob's public part (Part 3, 10.1 actions 14 to 20).
    fileprivate mutating func seal(
        _ data: Secret, authData: Secret, into blob: SealedBlob, with key: LoadedKey
    ) throws(TPMResult) -> SealedBlob {
        let sealed = SealedData(
            payload: .seal, authData: authData, tpmProof: try blobSecrets().tpmProof,
            storedDigest: SHA1.hash(try blob.publicPart()), data: data)
        return blob.with(encData: try key.encrypt(try sealed.encodedSecret(), random: environment.random))
    }
}

extension SealedBlob {
    /// A blob that holds nothing yet, with the PCRs as they are now (Part 3, 10.1 actions 5 to 11).
    ///
    /// TPM_BADINDEX when the PCR info does not decode.
    fileprivate static func empty(
        pcrInfo: [UInt8], isLongForm: Bool, in execution: Execution
    ) throws(TPMResult) -> SealedBlob {
        let pcrs = execution.state.clear.pcrs
        guard isLongForm else {
            var info = try decode(PCRInfo.self, pcrInfo)
            if let selection = info?.pcrSelection { info?.digestAtCreation = try pcrs.compositeHash(selection) }
            return .storedData(StoredData(sealInfo: info, encData: []))
        }
        var info = try decode(PCRInfoLong.self, pcrInfo)
        if let selection = info?.creationPCRSelection {
            info?.digestAtCreation = try pcrs.compositeHash(selection)
            info?.localityAtCreation = execution.locality
        }
        return .storedData12(StoredData12(et: EntityType(rawValue: 0), sealInfo: info, encData: []))
    }

    private static func decode<Info: WireStructure>(_ type: Info.Type, _ bytes: [UInt8]) throws(TPMResult) -> Info? {
        guard !bytes.isEmpty else { return nil }
        do throws(TPMResult) { return try WireDecoder.decode(Info.self, from: bytes) } catch { throw .badIndex }
    }
}
