import Synchronization
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
final class SaveWatch: Sendable {
    private let request = Mutex("")
    private let watch = Mutex<(any XenWatch)?>(nil)

    init(_ domain: UInt16, _ bus: any XenBus) throws(XenBusError) {
        let path = "/local/domain/\(domain)/control/shutdown"
        let new = try bus.watch(path) { [weak self, weak bus] _ in
            guard let bus, let text = try? bus.read(path), !text.isEmpty else { return }
            self?.request.withLock { $0 = text }
        }
        watch.withLock { $0 = new }
    }

    /// True when the last that the domain was asked was to suspend itself.
    var isSaved: Bool { request.withLock { $0 == "suspend" } }

    func cancel() { watch.withLock { $0 }?.cancel() }
}
