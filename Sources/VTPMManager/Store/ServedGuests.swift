import Foundation
import Synchronization

/// Which guests are served by somebody in this process; no other process has the store.
final class ServedGuests: Sendable {
    private struct State {
        var holds: [UUID: UInt64] = [:]
        /// Who had a guest last.
        var lasts: [UUID: UInt64] = [:]
        var count: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Takes a guest, for whoever shows what this returns; nil while somebody has it.
    func take(_ guest: UUID) -> UInt64? {
        state.withLock { state in
            guard state.holds[guest] == nil else { return nil }
            state.count &+= 1
            state.holds[guest] = state.count
            state.lasts[guest] = state.count
            return state.count
        }
    }

    /// Takes a guest again; false while somebody has it, nil when somebody else had it since.
    func take(_ guest: UUID, again hold: UInt64) -> Bool? {
        state.withLock { state in
            guard state.holds[guest] == nil else { return false }
            guard state.lasts[guest] == hold else { return nil }
            state.holds[guest] = hold
            return true
        }
    }

    /// Forgets a guest that is no more.
    func forget(_ guest: UUID) {
        state.withLock { state in
            state.holds[guest] = nil
            state.lasts[guest] = nil
        }
    }

    func giveBack(_ guest: UUID, _ hold: UInt64) {
        state.withLock { state in
            if state.holds[guest] == hold { state.holds[guest] = nil }
        }
    }
}
