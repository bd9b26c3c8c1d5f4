import TPMCrypto
import TPMWire

/// What a join gives the host to keep for signing: encrypted with daaBlobKey, authenticated with daaProof
/// (Part 2, 22.8 and 22.9). additionalData is the IV.
extension Execution {
    /// The DAA secrets, which came with the endorsement key; TPM_NO_ENDORSEMENT without one.
    func daaSecrets() throws(TPMResult) -> DAASecrets {
        guard let secrets = state.permanent.daa else { throw .noEndorsement }
        return secrets
    }

    /// A TPM_DAA_BLOB around DAA_tpmSpecific, v0 or v1.
    func wrapDAA(_ value: Secret, as type: ResourceType) throws(TPMResult) -> [UInt8] {
        let secrets = try daaSecrets()
        let sensitive = try DAASensitive(internalData: value).encodedSecret(reserving: 512)
        var blob = DAABlob()
        blob.resourceType = type
        blob.additionalData = try randomBytes(AES.blockSize)
        do {
            blob.sensitiveData = try AES.ctr(
                key: secrets.daaBlobKey, iv: blob.additionalData, data: sensitive
            ).bytes
        } catch {
            throw .fail
        }
        blob.blobIntegrity = HMAC.authenticate(key: secrets.daaProof, try blob.encoded())
        return try blob.encoded()
    }

    /// What a blob of this type holds; TPM_DAA_INPUT_DATA0 for one that this TPM did not make, or made before its
    /// daaProof changed.
    func unwrapDAA(_ bytes: [UInt8], as type: ResourceType) throws(TPMResult) -> Secret {
        let secrets = try daaSecrets()
        do {
            let blob = try WireDecoder.decode(DAABlob.self, from: bytes)
            var unsigned = blob
            unsigned.blobIntegrity = .zero
            let integrity = HMAC.authenticate(key: secrets.daaProof, try unsigned.encoded())
            guard constantTimeEqual(integrity, blob.blobIntegrity), blob.resourceType == type else {
                throw TPMResult.daaInputData0
            }
            let plain = try AES.ctr(
                key: secrets.daaBlobKey, iv: blob.additionalData, data: Secret(blob.sensitiveData))
            return try WireDecoder.decode(DAASensitive.self, from: plain).internalData
        } catch {
            throw .daaInputData0
        }
    }
}
