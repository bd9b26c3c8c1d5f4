/// What a backend needs of Xen: the xenstore, and the pages and event channels that other domains offer.
///
/// Paths without a slash at the front are below the home of the backend's own domain. Every call may come from any thread and
/// may take as long as the daemon of the xenstore takes to answer.
public protocol XenBus: AnyObject, Sendable {
    /// The text of an entry; nil when there is none, and when this domain may not read it.
    ///
    /// A value that is no UTF-8 is read as an empty text, which is no number, state or name.
    func read(_ path: String) throws(XenBusError) -> String?

    /// The names of the entries right below one; empty when there is none.
    func children(of path: String) throws(XenBusError) -> [String]

    /// Writes entries, all or none, when there is one at `condition`: what was removed meanwhile is not made anew.
    ///
    /// - Returns: false when there is none.
    @discardableResult
    func write(_ entries: [XenEntry], ifThere condition: String) throws(XenBusError) -> Bool

    /// Writes an entry, and the ones above it that are missing.
    func write(_ entry: XenEntry) throws(XenBusError)

    /// Removes an entry and all below it; one that is not there is no error.
    func remove(_ path: String) throws(XenBusError)

    /// Tells of each change at a path or below: once at first, and then after each, until the watch is cancelled.
    ///
    /// - Parameter changed: called with the path that changed, on a thread of the bus, one call at a time for all watches.
    func watch(_ path: String, _ changed: @escaping @Sendable (String) -> Void) throws(XenBusError) -> any XenWatch

    /// Maps a page that a domain grants. Its contents may change at any time while it is mapped, and stay readable and
    /// writable whatever becomes of the domain.
    func map(_ grant: UInt32, of domain: UInt16) throws(XenBusError) -> any GrantedPage

    /// Connects to an event channel that a domain offers.
    func bind(_ port: UInt32, of domain: UInt16) throws(XenBusError) -> any EventChannel
}

/// An entry of the xenstore.
public struct XenEntry: Sendable, Equatable {
    public let path: String
    public let value: String

    public init(_ path: String, _ value: String) {
        self.path = path
        self.value = value
    }
}

/// A watch of the xenstore.
public protocol XenWatch: AnyObject, Sendable {
    /// No call begins after this returned; one that has begun may still be running.
    func cancel()
}

/// A page of another domain.
public protocol GrantedPage: AnyObject {
    /// 4096 bytes; not to be touched after ``unmap()``.
    var memory: UnsafeMutableRawPointer { get }

    /// Gives it back.
    func unmap()
}

/// An event channel to another domain.
public protocol EventChannel: AnyObject {
    /// Readable when the other domain gave notice since the last ``acknowledge()``.
    var descriptor: Int32 { get }

    /// Takes the notice, and asks for the next. False when the channel failed and will bring none.
    func acknowledge() -> Bool

    /// Gives notice to the other domain, if it is there.
    func notify()

    /// Closes the channel, and the descriptor.
    func close()
}

/// Why something of Xen cannot be had.
public struct XenBusError: Error, CustomStringConvertible, Equatable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
