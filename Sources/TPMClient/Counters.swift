import TPMCrypto
import TPMWire

/// Counters that only go up (Part 1, 17; Part 3, 25).
extension TPMClient {
    /// Makes a counter that starts above every value that any counter of the TPM ever had (Part 3, 25.1).
    ///
    /// - Parameter label: 4 bytes.
    public func createCounter(label: [UInt8], auth: Secret, owner: Secret) throws -> CreateCounter.Response {
        try withOSAP(.owner, secret: owner) { session in
            try execute(
                CreateCounter.self, .init(encAuth: try session.hide(auth), label: label), session)
        }
    }

    /// Adds one. The first counter that this is done to is the only one until the TPM starts anew (Part 3, 25.2).
    @discardableResult
    public func incrementCounter(_ countID: UInt32, auth: Secret) throws -> CounterValue {
        try execute(IncrementCounter.self, .init(countID: countID), authorizedBy: auth).count
    }

    /// The counter's value and label (Part 3, 25.3).
    public func readCounter(_ countID: UInt32) throws -> CounterValue {
        try execute(ReadCounter.self, .init(countID: countID)).count
    }

    /// Gives the counter up, for whoever has its secret (Part 3, 25.4).
    public func releaseCounter(_ countID: UInt32, auth: Secret) throws {
        try execute(ReleaseCounter.self, .init(countID: countID), authorizedBy: auth)
    }

    /// Gives the counter up, for the owner (Part 3, 25.5).
    public func releaseCounter(_ countID: UInt32, owner: Secret) throws {
        try execute(ReleaseCounterOwner.self, .init(countID: countID), authorizedBy: owner)
    }

    /// The counters that there are (Part 2, 21.1: TPM_CAP_HANDLE).
    public func counters() throws -> [UInt32] { try handles(of: .counter) }
}
