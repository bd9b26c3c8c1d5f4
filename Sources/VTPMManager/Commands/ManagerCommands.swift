import Foundation

/// What an operator can have the manager do: the verbs of `vtpm manager`, `vtpm group` and `vtpm guest`, and the requests
/// of the admin socket. Every call may block on the disk or the hardware TPM, and may come from any thread.
public protocol ManagerCommands: Sendable {
    func status() -> ManagerStatus
    func metrics() -> ManagerMetrics

    /// The present values of the host's PCRs.
    ///
    /// - Parameter indices: 0 to 23, at least one.
    func hostPCRs(_ indices: [Int]) throws(ManagerError) -> PCRReport

    /// The PEM of the key that signs the hardware's quotes.
    func quotingKey() throws(ManagerError) -> PublicKeyReport

    // MARK: Groups

    /// All groups, by name.
    func groups() throws(ManagerError) -> [GroupReport]
    func group(_ name: String) throws(ManagerError) -> GroupReport
    func createGroup(_ request: GroupRequest) throws(ManagerError) -> GroupReport
    /// Deletes a group without guests.
    func deleteGroup(_ name: String) throws(ManagerError)
    /// The list of approved configurations that is in force.
    func approvals(of group: String) throws(ManagerError) -> ApprovalList
    /// Takes a signed list of approved configurations in place of the one that is in force.
    func approve(_ approval: SignedApproval, for group: String) throws(ManagerError) -> GroupReport

    // MARK: Guests

    /// All guests, by name.
    func guests() throws(ManagerError) -> [GuestReport]
    /// - Parameter guest: a name or a UUID, here and below.
    func guest(_ guest: String) throws(ManagerError) -> GuestReport
    func createGuest(_ request: GuestRequest) throws(ManagerError) -> GuestReport
    func startGuest(_ guest: String) throws(ManagerError) -> GuestReport
    func stopGuest(_ guest: String) throws(ManagerError) -> GuestReport
    /// Puts the running TPM on disk, from which ``resumeGuest(_:)`` goes on.
    func suspendGuest(_ guest: String) throws(ManagerError) -> GuestReport
    func resumeGuest(_ guest: String) throws(ManagerError) -> GuestReport
    /// Removes a guest that is not running, and with it the TPM's state, for good.
    func destroyGuest(_ guest: String) throws(ManagerError)
    /// What happened to the guest, oldest first.
    func events(of guest: String) throws(ManagerError) -> [EventReport]
    /// The PEM of the key that signs the guest's quotes; it is made with the first call.
    func quotingKey(of guest: String) throws(ManagerError) -> PublicKeyReport
    /// What the guest's PCRs hold, and what the host's hold, both signed for one nonce.
    func deepQuote(of guest: String, _ request: DeepQuoteRequest) throws(ManagerError) -> DeepQuote
}

/// Why the manager refused or failed.
public struct ManagerError: Error, CustomStringConvertible, Equatable, Codable {
    /// What kind of failure it is, for whoever has to act on it without reading.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// There is no such guest or group.
        case notFound
        /// The name is taken, or the guest is in a state in which this cannot be done.
        case conflict
        /// A name, a key or a list that cannot be used.
        case invalid
        /// What the machine booted is not approved for the group.
        case notApproved
        /// The hardware TPM is another one, gone or locked out.
        case hardware
        /// The store is older than its checkpoint, was changed, or cannot be read or written.
        case store
        /// Anything else.
        case failed
    }

    public let kind: Kind
    /// A sentence that says what to do.
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    private enum CodingKeys: String, CodingKey {
        case kind = "error"
        case description = "message"
    }
}
