import Dispatch
import Foundation
import Synchronization
import TPMEngine
import TPMServer
import VTPMManager

/// Durable commits a second of many TPMs that each save their state again as soon as it is on disk. They share two
/// threads, as the manager's guests do, and wait in none.
final class Guests: Sendable {
    private let opened: OpenedStore
    private let stores: [GuestStateStore]
    private let loops = (0..<2).map { DispatchQueue(label: "loop \($0)") }
    private let group = DispatchGroup()
    private let count = Mutex(0)

    init(_ directory: String, _ number: Int) throws {
        opened = try OpenedStore(directory)
        stores = try opened.guests(number).map { [store = opened.store] in GuestStateStore(store, guest: $0) }
        for store in stores { try store.lock(waiting: 0, continues: false) }
    }

    func run(seconds: Double) throws {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        for index in stores.indices {
            group.enter()
            save(index, TPMState(), until: end)
        }
        group.wait()
        let (commits, taken) = (count.withLock { $0 }, (ContinuousClock.now - start) / .seconds(1))
        let size = try TPMState().serialised().count
        say(String(format: "%d guests, %d bytes: %.0f durable commits/s", stores.count, size, Double(commits) / taken))
    }

    private func save(_ index: Int, _ state: TPMState, until end: ContinuousClock.Instant) {
        loops[index % loops.count].async { [self] in
            let kept = stores[index].keep(StateChange(state: state)) { [self] failure in
                if let failure { say("failed: \(failure)") }
                guard failure == nil, ContinuousClock.now < end else { return group.leave() }
                count.withLock { $0 += 1 }
                save(index, state, until: end)
            }
            if case .later = kept { return }
            say("failed: \(kept)")
            group.leave()
        }
    }
}
