import Foundation
import Glibc
import Synchronization

/// The memory that domains grant to each other. Each who maps a page sees it at an address of his own, and touching it after
/// it was unmapped ends the process.
final class PageMemory: Sendable {
    static let pageSize = 4096

    private struct Slots {
        /// Of the memory; -1 before the first page.
        var descriptor: Int32 = -1
        var count = 0
        var free: [Int] = []
        /// Addresses that nothing may use any more.
        var spent: [Int] = []
    }

    private let slots = Mutex(Slots())

    deinit {
        let slots = slots.withLock { $0 }
        for address in slots.spent { munmap(UnsafeMutableRawPointer(bitPattern: address), Self.pageSize) }
        if slots.descriptor >= 0 { close(slots.descriptor) }
    }

    /// The number of a page that nobody has.
    func take() -> Int {
        slots.withLock { slots in
            if let free = slots.free.popLast() { return free }
            if slots.descriptor < 0 { slots.descriptor = Self.open() }
            slots.count += 1
            precondition(ftruncate(slots.descriptor, off_t(slots.count * Self.pageSize)) == 0, "no room for pages")
            return slots.count - 1
        }
    }

    private static func open() -> Int32 {
        let name = "/vtpm-simulated-xen-\(UUID().uuidString)"
        let descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        precondition(descriptor >= 0, "no shared memory: \(String(cString: strerror(errno)))")
        shm_unlink(name)
        return descriptor
    }

    func giveBack(_ slot: Int) { slots.withLock { $0.free.append(slot) } }

    func map(_ slot: Int) -> UnsafeMutableRawPointer {
        let descriptor = slots.withLock { $0.descriptor }
        let address = mmap(
            nil, Self.pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(slot * Self.pageSize))
        guard let address, address != MAP_FAILED else { preconditionFailure("no room for a page") }
        return address
    }

    /// Nothing will be at the address while this memory lives.
    func unmap(_ address: UnsafeMutableRawPointer) {
        mmap(address, Self.pageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0)
        slots.withLock { $0.spent.append(Int(bitPattern: address)) }
    }
}

/// A page of a domain, as the domain sees it: 4096 bytes, zero at first. It goes when neither the domain nor anybody who
/// mapped it has it.
public final class SimulatedPage: @unchecked Sendable {
    fileprivate let owner: PageMemory
    fileprivate let slot: Int
    public let memory: UnsafeMutableRawPointer

    init(_ owner: PageMemory) {
        self.owner = owner
        slot = owner.take()
        memory = owner.map(slot)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: PageMemory.pageSize)
    }

    deinit {
        owner.unmap(memory)
        owner.giveBack(slot)
    }

    /// The same page at another address, to be given back with ``unmapView(_:)``.
    func view() -> UnsafeMutableRawPointer { owner.map(slot) }

    func unmapView(_ view: UnsafeMutableRawPointer) { owner.unmap(view) }
}
