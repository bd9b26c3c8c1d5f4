import Synchronization
import XenBackend

/// The page that a front end shares with its backend, and the event channel beside it (xen/io/tpmif.h). They are the domain's
/// until ``free()``, or its end.
public final class FrontRing: @unchecked Sendable {
    /// What becomes of a command; the front end writes the second and the fourth.
    public enum State: UInt8, Sendable {
        case idle = 0
        case submit = 1
        case finish = 2
        case cancel = 3
    }

    public let domain: SimulatedDomain
    public let page: SimulatedPage
    public let reference: UInt32
    public let port: SimulatedPort
    private let changes = Changes()
    private let isFreed = Atomic(false)

    public init(_ domain: SimulatedDomain, to backend: UInt16 = 0) {
        self.domain = domain
        (reference, page) = domain.grantPage(to: backend)
        port = domain.offerPort(to: backend)
        port.setHandler { [changes] in changes.note() }
    }

    /// The domain takes the page and the channel away.
    public func free() {
        guard !isFreed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        domain.endGrant(reference)
        domain.close(port)
        changes.note()
    }

    // MARK: The page's fields

    public var memory: UnsafeMutableRawPointer { page.memory }

    public var length: UInt32 {
        get { memory.load(as: UInt32.self) }
        set { memory.storeBytes(of: newValue, as: UInt32.self) }
    }

    /// ``State``, as it stands there.
    public var state: UInt8 {
        get { byte(4) }
        set { setByte(4, newValue) }
    }

    public var locality: UInt8 {
        get { byte(5) }
        set { setByte(5, newValue) }
    }

    /// How many numbers of other pages stand before the data.
    public var extraPages: UInt8 {
        get { byte(7) }
        set { setByte(7, newValue) }
    }

    private func byte(_ offset: Int) -> UInt8 { memory.load(fromByteOffset: offset, as: UInt8.self) }

    private func setByte(_ offset: Int, _ value: UInt8) {
        memory.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }

    /// Where the data begin.
    public var dataOffset: Int { 8 + 4 * Int(extraPages) }

    // MARK: Commands

    /// Puts a command into the page and tells the backend, whatever is there.
    public func submit(_ command: [UInt8], locality: UInt8 = 0) {
        put(command, locality: locality)
        port.notify()
    }

    /// Puts a command into the page, and tells nobody.
    public func put(_ command: [UInt8], locality: UInt8 = 0) {
        let room = UnsafeMutableRawBufferPointer(start: memory, count: PageMemory.pageSize)[dataOffset...]
        UnsafeMutableRawBufferPointer(rebasing: room).copyBytes(from: command.prefix(room.count))
        self.locality = locality
        length = UInt32(command.count)
        set(.submit)
    }

    /// Tells the backend that what is in the page is a command of so many bytes.
    public func submit(length: UInt32) {
        self.length = length
        set(.submit)
        port.notify()
    }

    /// Asks for the end of the command that runs.
    public func cancel() {
        set(.cancel)
        port.notify()
    }

    private func set(_ state: State) {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        self.state = state.rawValue
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// True when the backend owes nothing.
    public var isIdle: Bool {
        defer { atomicMemoryFence(ordering: .acquiring) }
        return state == State.idle.rawValue || state == State.finish.rawValue
    }

    /// Returns true as soon as the backend owes nothing; false after the time, and when the ring is taken away.
    public func waitUntilIdle(seconds: Double) -> Bool {
        _ = changes.wait(seconds: seconds) { isIdle || isFreed.load(ordering: .acquiring) }
        return isIdle && !isFreed.load(ordering: .acquiring)
    }

    /// The answer in the page; nil when there is none, because the command was cancelled.
    public func receive() -> [UInt8]? {
        guard state == State.finish.rawValue else { return nil }
        let room = UnsafeRawBufferPointer(start: memory, count: PageMemory.pageSize)[min(dataOffset, 4096)...]
        return Array(room.prefix(Int(length)))
    }
}
