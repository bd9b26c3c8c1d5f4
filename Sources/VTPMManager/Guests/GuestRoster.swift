import Foundation
import Logging
import Synchronization
import TPMServer

/// The guests whose TPMs are being served, and the threads that serve them.
final class GuestRoster: Sendable {
    private let loops: [ServingLoop]
    let options: ManagerConfiguration.Guests
    private let state = Mutex(State())

    private struct State {
        var slots: [UUID: Slot] = [:]
        var next = 0
        /// Of guests that were stopped.
        var finishedCommands: UInt64 = 0
    }

    private struct Slot {
        var service: (any GuestService)?
        /// What somebody is doing with the guest: "started", say.
        var isBeing: String?
    }

    init(_ options: ManagerConfiguration.Guests, logger: Logger) throws(ManagerError) {
        self.options = options
        let count = options.threads > 0 ? options.threads : ProcessInfo.processInfo.activeProcessorCount
        var loops: [ServingLoop] = []
        do throws(ListenError) {
            for _ in 0..<count { loops.append(try ServingLoop()) }
        } catch { throw ManagerError(.failed, error.description) }
        self.loops = loops
    }

    /// Makes the directory of the sockets.
    func prepare() throws(ManagerError) {
        guard mkdir(options.sockets, 0o755) == 0 || errno == EEXIST else {
            throw .system("The directory \(options.sockets) for the guests' sockets cannot be made")
        }
    }

    func close() {
        for loop in loops { loop.stop() }
    }

    /// Where a guest's TPM is offered while it runs.
    func socket(of guest: UUID) -> String { "\(options.sockets)/\(guest.uuidString.lowercased()).sock" }

    /// The threads in turn.
    func nextLoop() -> ServingLoop {
        state.withLock { state in
            state.next = (state.next + 1) % loops.count
            return loops[state.next]
        }
    }

    // MARK: One change of a guest at a time

    /// Runs `body` with the guest's service, if it is served, while nobody else changes the guest; what it returns is the
    /// service from then on.
    ///
    /// - Parameter isBeing: what is done with it, as others who try hear: "started", say.
    func change<Result>(
        _ guest: UUID, _ name: String, isBeing: String,
        _ body: (inout (any GuestService)?) throws(ManagerError) -> Result
    ) throws(ManagerError) -> Result {
        var service = try take(guest, name, isBeing)
        let former = service
        defer { giveBack(guest, service, formerly: former) }
        return try body(&service)
    }

    private func take(_ guest: UUID, _ name: String, _ isBeing: String) throws(ManagerError) -> (any GuestService)? {
        let busy: String? = state.withLock { state in
            if let isBeing = state.slots[guest]?.isBeing { return isBeing }
            state.slots[guest, default: Slot()].isBeing = isBeing
            return nil
        }
        if let busy { throw ManagerError(.conflict, "The guest \(name) is just being \(busy). Try again.") }
        return service(of: guest)
    }

    private func giveBack(_ guest: UUID, _ service: (any GuestService)?, formerly former: (any GuestService)?) {
        let ended = former.flatMap { $0 === service ? nil : $0.statistics.commands } ?? 0
        state.withLock { state in
            state.finishedCommands &+= ended
            state.slots[guest] = service.map { Slot(service: $0) }
        }
    }

    /// Forgets a service that ended by itself; false when another or none is there by now.
    func forget(_ guest: UUID, _ service: any GuestService) -> Bool {
        let ended = service.statistics.commands
        return state.withLock { state in
            guard state.slots[guest]?.service === service, state.slots[guest]?.isBeing == nil else { return false }
            state.finishedCommands &+= ended
            state.slots[guest] = nil
            return true
        }
    }

    // MARK: Looking

    func service(of guest: UUID) -> (any GuestService)? { state.withLock { $0.slots[guest]?.service } }

    /// All guests that are served.
    var running: [UUID] { state.withLock { $0.slots.filter { $0.value.service != nil }.map(\.key) } }

    var runningCount: Int { state.withLock { $0.slots.values.count { $0.service != nil } } }

    /// The sum over all guests, since the manager started.
    var statistics: GuestStatistics {
        let (services, finished) = state.withLock { ($0.slots.values.compactMap(\.service), $0.finishedCommands) }
        var sum = GuestStatistics(commands: finished, connections: 0)
        for statistics in services.map(\.statistics) {
            sum.commands &+= statistics.commands
            sum.connections += statistics.connections
        }
        return sum
    }
}
