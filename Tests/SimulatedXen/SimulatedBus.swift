import Dispatch
import Synchronization
import XenBackend

/// What a backend sees of a ``SimulatedXen``: the bus of one process of a domain, in which a test can make calls fail.
///
/// What it has open is counted, so that a test can show that nothing is left.
public final class SimulatedBus: XenBus {
    /// A call that is about to be carried out.
    public enum Call: Sendable, Equatable {
        case read(String)
        case children(String)
        case write([XenEntry])
        case remove(String)
        case watch(String)
        case map(UInt32, domain: UInt16)
        case bind(UInt32, domain: UInt16)
    }

    /// What the backend has and did not give back.
    public struct Open: Sendable, Equatable {
        public var watches = 0
        public var pages = 0
        public var channels = 0

        public init(watches: Int = 0, pages: Int = 0, channels: Int = 0) {
            self.watches = watches
            self.pages = pages
            self.channels = channels
        }
    }

    /// Tells whether a call fails.
    public typealias Fault = @Sendable (Call) -> Bool

    public let xen: SimulatedXen
    /// The backend's domain.
    public let domain: UInt16
    private let queue = DispatchQueue(label: "xen bus")
    private let counts = Mutex(Open())
    private let channels = Mutex<[ObjectIdentifier: SimulatedChannel]>([:])
    private let fault = Mutex<Fault?>(nil)
    private let objects = Atomic(0)
    private let reads = Mutex<[String: Int]>([:])

    init(_ xen: SimulatedXen, domain: UInt16) {
        self.xen = xen
        self.domain = domain
    }

    public var open: Open { counts.withLock { $0 } }

    /// How many objects of pages and event channels the backend keeps, those that it gave back among them.
    public var kept: Int { objects.load(ordering: .acquiring) }

    func keep(_ step: Int) {
        objects.add(step, ordering: .acquiringAndReleasing)
        xen.changes.note()
    }

    /// Is asked before each call, on the thread that makes it, whether the call fails; nil for none that does.
    public func setFault(_ fails: Fault?) { fault.withLock { $0 = fails } }

    /// Makes every event channel that is bound fail.
    public func breakChannels() {
        for channel in channels.withLock({ Array($0.values) }) { channel.fail() }
    }

    /// How often an entry was read, or was to be.
    public func readCount(of path: String) -> Int { reads.withLock { $0[path] ?? 0 } }

    /// Returns when all that changed until now was told to those who watch.
    public func drain() { queue.sync {} }

    private func check(_ call: Call) throws(XenBusError) {
        let fails = fault.withLock { $0 }
        if fails?(call) == true { throw XenBusError("A fault of the test: \(call).") }
    }

    // MARK: The xenstore

    public func read(_ path: String) throws(XenBusError) -> String? {
        reads.withLock { $0[path, default: 0] += 1 }
        xen.changes.note()
        try check(.read(path))
        return try xen.store.read(path, of: domain)
    }

    public func children(of path: String) throws(XenBusError) -> [String] {
        try check(.children(path))
        return try xen.store.children(of: path, of: domain)
    }

    @discardableResult
    public func write(_ entries: [XenEntry], ifThere condition: String) throws(XenBusError) -> Bool {
        try check(.write(entries))
        return try xen.store.change(entries.map { .write($0.path, $0.value) }, of: domain, ifThere: condition)
    }

    public func write(_ entry: XenEntry) throws(XenBusError) {
        try check(.write([entry]))
        try xen.store.change([.write(entry.path, entry.value)], of: domain)
    }

    public func remove(_ path: String) throws(XenBusError) {
        try check(.remove(path))
        try xen.store.change([.remove(path)], of: domain)
    }

    public func watch(_ path: String, _ changed: @escaping @Sendable (String) -> Void) throws(XenBusError)
        -> any XenWatch
    {
        try check(.watch(path))
        let watch = try xen.store.watch(path, of: domain, on: queue, changed)
        count(\.watches, 1)
        return BusWatch(watch, on: self)
    }

    fileprivate func cancelled() { count(\.watches, -1) }

    // MARK: Pages and channels

    public func map(_ grant: UInt32, of domain: UInt16) throws(XenBusError) -> any GrantedPage {
        try check(.map(grant, domain: domain))
        let page = try xen.grants.map(grant, of: domain, by: self.domain)
        count(\.pages, 1)
        return MappedPage(page, on: self)
    }

    fileprivate func unmapped() {
        count(\.pages, -1)
        xen.grants.unmapped()
    }

    public func bind(_ port: UInt32, of domain: UInt16) throws(XenBusError) -> any EventChannel {
        try check(.bind(port, domain: domain))
        let channel = try SimulatedChannel(try xen.port(port, of: domain, for: self.domain), on: self)

        channels.withLock { $0[ObjectIdentifier(channel)] = channel }
        count(\.channels, 1)
        return channel
    }

    func closed(_ channel: SimulatedChannel) {
        channels.withLock { $0[ObjectIdentifier(channel)] = nil }
        count(\.channels, -1)
    }

    private func count(_ what: WritableKeyPath<Open, Int> & Sendable, _ step: Int) {
        counts.withLock { $0[keyPath: what] += step }
        xen.changes.note()
    }
}

/// A page that a backend mapped.
private final class MappedPage: GrantedPage {
    private let page: SimulatedPage
    private let bus: SimulatedBus
    let memory: UnsafeMutableRawPointer
    private let isMapped = Atomic(true)

    init(_ page: SimulatedPage, on bus: SimulatedBus) {
        self.page = page
        self.bus = bus
        memory = page.view()
        bus.keep(1)
    }

    deinit { bus.keep(-1) }

    func unmap() {
        guard isMapped.exchange(false, ordering: .acquiringAndReleasing) else {
            return bus.xen.noteMisuse("A page is unmapped twice.")
        }
        page.unmapView(memory)
        bus.unmapped()
    }
}

/// A watch of a backend.
private final class BusWatch: XenWatch {
    private let watch: StoreWatch
    private let bus: SimulatedBus
    private let isActive = Atomic(true)

    init(_ watch: StoreWatch, on bus: SimulatedBus) {
        self.watch = watch
        self.bus = bus
    }

    func cancel() {
        watch.cancel()
        if isActive.exchange(false, ordering: .acquiringAndReleasing) { bus.cancelled() }
    }
}
