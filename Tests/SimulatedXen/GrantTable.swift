import Synchronization
import XenBackend

/// What pages domains grant, and who mapped them.
final class GrantTable: Sendable {
    private struct Key: Hashable {
        let domain: UInt16
        let reference: UInt32
    }

    private struct Grants {
        var granted: [Key: (page: SimulatedPage, to: UInt16)] = [:]
        var next: UInt32 = 8
        var mapped = 0
    }

    private let grants = Mutex(Grants())
    private let memory = PageMemory()
    private let changes: Changes

    init(_ changes: Changes) { self.changes = changes }

    /// How many pages are mapped, by all domains.
    var mappedCount: Int { grants.withLock { $0.mapped } }

    /// A new page of `domain` that `other` may map.
    func grant(by domain: UInt16, to other: UInt16) -> (reference: UInt32, page: SimulatedPage) {
        let page = SimulatedPage(memory)
        let reference = grants.withLock { grants in
            let reference = grants.next
            grants.next += 1
            grants.granted[Key(domain: domain, reference: reference)] = (page, other)
            return reference
        }
        return (reference, page)
    }

    /// The page cannot be mapped again; whoever has mapped it keeps it until he unmaps it.
    func end(_ reference: UInt32, by domain: UInt16) {
        grants.withLock { _ = $0.granted.removeValue(forKey: Key(domain: domain, reference: reference)) }
    }

    func endAll(by domain: UInt16) {
        grants.withLock { grants in grants.granted = grants.granted.filter { $0.key.domain != domain } }
    }

    func map(_ reference: UInt32, of domain: UInt16, by mapper: UInt16) throws(XenBusError) -> SimulatedPage {
        let page = grants.withLock { grants -> SimulatedPage? in
            let grant = grants.granted[Key(domain: domain, reference: reference)]
            guard let grant, grant.to == mapper else { return nil }
            grants.mapped += 1
            return grant.page
        }
        guard let page else { throw XenBusError("Domain \(domain) grants no page \(reference).") }
        changes.note()
        return page
    }

    func unmapped() {
        grants.withLock { $0.mapped -= 1 }
        changes.note()
    }
}
