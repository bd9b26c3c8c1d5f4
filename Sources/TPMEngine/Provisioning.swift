import TPMCrypto
import TPMWire

/// Stages of a TPM's life without the commands that lead there: what is made, and from which random bytes, is what
/// those commands make, but nothing is audited. A TPM for a test begins here, since the RSA of the commands takes
/// longer than all the rest.
extension TPM {
    /// Makes an endorsement key of 2048 bits as TPM_CreateEndorsementKeyPair does (Part 3, 14.1).
    package mutating func createEndorsementKey() throws(TPMResult) {
        var execution = try execution(of: .createEndorsementKeyPair)
        _ = try execution.createPermanentEndorsementKey(Key.root.algorithmParms)
        state = execution.state
    }

    /// Takes ownership as TPM_TakeOwnership does (Part 3, 6.1), of a TPM that was started and has no owner; the SRK has
    /// 2048 bits. The secrets are of 20 bytes.
    package mutating func takeOwnership(owner: Secret, srk: Secret) throws(TPMResult) {
        var execution = try execution(of: .takeOwnership)
        _ = try execution.install(ownerAuth: owner, srkAuth: srk, srkTemplate: .root)
        state = execution.state
    }

    /// Counts as many failed authorizations as close the TPM to authorization (Part 1, 8.7).
    package mutating func lockOut() {
        state.permanent.failedAuthorizations = max(state.permanent.failedAuthorizations, Lockout.threshold)
        restartLockout()
    }

    private func execution(of ordinal: Ordinal) throws(TPMResult) -> Execution {
        guard let row = OrdinalTable.row(for: ordinal) else { throw .badOrdinal }
        return Execution(state: state, environment: environment, row: row, arrival: .zero, wrapper: nil)
    }
}

extension Key {
    /// What the endorsement key and the SRK are made with.
    fileprivate static let root = Key(
        form: .key12, keyUsage: .storage, keyFlags: [], authDataUsage: .always,
        algorithmParms: KeyParms(
            algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none,
            parms: .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: []))),
        pcrInfo: .none, pubKey: StorePubkey(), encData: [])
}
