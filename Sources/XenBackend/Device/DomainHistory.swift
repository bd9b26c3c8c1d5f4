import Dispatch
import Synchronization
import TPMServer
import VTPMManager

/// Tells domains that boot from domains that were restored.
///
/// Before it makes the devices of a paravirtualised domain (`image/ostype` is `linux`), libxl says in `/vm/UUID/image` which
/// kernel it has loaded, and nothing of the kind when it restores one. Of other domains nothing tells.
enum DomainHistory {
    /// - Parameter home: the domain's directory in the xenstore.
    static func read(_ home: String, on bus: any XenBus) throws(XenBusError) -> XenDomain.History {
        guard let machine = try bus.read("\(home)/vm"), try bus.read("\(machine)/image/ostype") == "linux" else {
            return .unknown
        }
        return try bus.read("\(machine)/image/kernel") == nil ? .restored : .none
    }
}

/// Follows what a domain is asked to do (`control/shutdown` of its home), to know in the end whether it was saved.
///
/// The domain may write there too. So it decides whether the volatile state is kept, and never whether it is used: that is
/// ``DomainHistory``'s to say.
final class SaveWatch: Sendable {
    private let path: String
    private let bus: any XenBus
    private let state = Mutex(State())
    private let watch = Mutex<(any XenWatch)?>(nil)

    private struct State {
        var request = ""
        /// How often the entry was empty since `request` came, which the domain empties once.
        var empties = 0
        /// For a domain that writes without end, on the thread that hears of all domains.
        var allowance = Allowance(100, oneMoreAfter: 1)

        mutating func note(_ text: String) {
            if text.isEmpty {
                empties += 1
                return
            }
            request = text
            empties = 0
        }
    }

    init(_ domain: UInt16, _ bus: any XenBus) throws(XenBusError) {
        let path = "/local/domain/\(domain)/control/shutdown"
        self.path = path
        self.bus = bus
        let new = try bus.watch(path) { [weak self, weak bus] _ in
            // At once: the domain takes the request back soon.
            guard let self, let bus, state.withLock({ $0.allowance.take() }) else { return }
            guard let text = try? bus.read(path) else { return }
            state.withLock { $0.note(text) }
        }
        watch.withLock { $0 = new }
    }

    /// True when the last that the domain was asked was to suspend itself; also when nobody saw what it was, because the domain
    /// took it back at once.
    var isSaved: Bool {
        hear()
        return state.withLock { $0.request == "suspend" || $0.empties > 1 }
    }

    /// Returns when all changes are known that were before now: a watch tells of its own beginning after them.
    private func hear() {
        let isHeard = DispatchSemaphore(value: 0)
        let last = try? bus.watch(path) { _ in isHeard.signal() }
        if last != nil { _ = isHeard.wait(timeout: .now() + 1) }
        last?.cancel()
    }

    /// What the domain was asked is done.
    func forget() {
        state.withLock { state in
            state.request = ""
            state.empties = 0
        }
    }

    func cancel() { watch.withLock { $0 }?.cancel() }
}
