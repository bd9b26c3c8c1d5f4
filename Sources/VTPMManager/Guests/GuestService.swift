import TPMCrypto
import TPMServer

/// A guest's TPM that is being served, in this process or in a child.
protocol GuestService: AnyObject, Sendable {
    /// Ends it after the command that runs, and returns when it has ended.
    func stop()

    /// Puts the volatile state away, ends it, and returns when it has ended. When the store failed, the TPM goes on.
    func suspend() throws(StoreError)

    /// The 24 PCRs; nil without power.
    func readPCRs() -> [Digest]?

    var statistics: GuestStatistics { get }
}

struct GuestStatistics: Sendable {
    /// How many commands were answered.
    var commands: UInt64
    /// How many clients are connected.
    var connections: Int
}
