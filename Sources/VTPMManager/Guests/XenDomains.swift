import Foundation
import TPMCrypto
import TPMServer

/// What a backend for domains of Xen asks of the manager.
///
/// Every call may take as long as the making of a TPM.
public protocol XenDomains: AnyObject, Sendable {
    /// Gives the TPM of a domain power, or lets it go on.
    ///
    /// - Throws: a ``ManagerError`` whose sentence says why there is no TPM for the domain now.
    func attach(_ domain: XenDomain) throws(ManagerError) -> any XenGuest
}

/// A domain that has a TPM.
public struct XenDomain: Sendable {
    /// Names the guest.
    public var guest: UUID
    /// The domain's number, which it has until it is destroyed.
    public var id: UInt16
    /// The domain's name, which a guest that is made for it gets.
    public var name: String
    /// What the domain did before.
    public var history: History
    /// Tells what PCRs are extended with before the domain boots, in this order; called for a domain that does.
    public var measure: @Sendable () throws(ManagerError) -> [Measurement]

    public struct Measurement: Sendable, Equatable {
        /// 0 to 7.
        public let pcr: Int
        public let digest: Digest

        public init(pcr: Int, digest: Digest) {
            self.pcr = pcr
            self.digest = digest
        }
    }

    /// The most bytes of a command and of a response: a page, less 8 bytes.
    public static let bufferSize = 4088

    public enum History: Sendable {
        /// It boots.
        case none
        /// It was saved and restored: it goes on where it was.
        case restored
        /// It is not known. A domain whose TPM was suspended may do either, and gets PCRs of no boot; any other boots.
        case unknown
    }

    public init(
        guest: UUID, id: UInt16, name: String, history: History,
        measure: @escaping @Sendable () throws(ManagerError) -> [Measurement] = { () throws(ManagerError) in [] }
    ) {
        self.guest = guest
        self.id = id
        self.name = name
        self.history = history
        self.measure = measure
    }
}

/// The TPM of a domain, which has power.
public protocol XenGuest: AnyObject, Sendable {
    /// The guest's name.
    var name: String { get }

    /// Serves a ring, until it is withdrawn or the TPM loses its power; then the ring is closed.
    ///
    /// - Parameter whenGone: called on any thread when the ring was closed without ``withdraw(_:)``.
    func serve(_ ring: any CommandRing, whenGone: @escaping @Sendable (RingEnd) -> Void)

    /// Closes a ring, after the command that it brought was answered, and before it returns.
    func withdraw(_ ring: any CommandRing)

    /// Ends the TPM: its domain is gone.
    ///
    /// - Parameter isSaved: true when the domain was saved, and the TPM goes on with it when it is restored.
    func detach(isSaved: Bool)
}
