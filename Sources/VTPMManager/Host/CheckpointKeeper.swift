import Dispatch
import Foundation
import HardwareAnchor
import Logging
import Synchronization

/// Gives the hardware TPM the store's checkpoints: at an interval, and when it is told to. It also looks after the
/// hardware in between, so that the manager knows when it is gone and when it is back.
final class CheckpointKeeper: Sendable {
    private let store: Store
    private let anchor: any HardwareAnchor
    private let problems: Problems
    private let interval: Duration
    /// What else there is to do after each look that found the hardware well.
    private let whenWell: @Sendable () -> Void
    private let state = Mutex(State())
    /// One checkpoint at a time.
    private let turn = Mutex(())
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchGroup()

    private struct State {
        var last: Date?
        var count: UInt64 = 0
        var failures: UInt64 = 0
        var isStopping = false
    }

    /// How often the hardware is looked at, at most.
    static let lookInterval = Duration.seconds(15)

    init(
        _ store: Store, _ anchor: any HardwareAnchor, every interval: Duration, problems: Problems,
        whenWell: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.anchor = anchor
        self.problems = problems
        self.interval = interval
        self.whenWell = whenWell
    }

    /// Starts the thread.
    func start() {
        ended.enter()
        let thread = Thread { [self] in
            keep()
            ended.leave()
        }
        thread.name = "vtpm checkpoints"
        thread.start()
    }

    /// Ends the thread after what it is doing.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake.signal()
        ended.wait()
    }

    var lastTime: Date? { state.withLock { $0.last } }
    var count: UInt64 { state.withLock { $0.count } }
    var failures: UInt64 { state.withLock { $0.failures } }

    private func keep() {
        let look = min(interval, Self.lookInterval)
        var next = ContinuousClock.now + interval
        while true {
            _ = wake.wait(timeout: .now() + .milliseconds(Int(look.components.seconds) * 1000))
            guard !state.withLock({ $0.isStopping }) else { return }
            let isDue = ContinuousClock.now >= next || problems.has(.hardware) || problems.has(.checkpoint)
            if isDue {
                guard checkpoint() else { continue }
                next = ContinuousClock.now + interval
            } else {
                guard lookAtHardware() else { continue }
            }
            whenWell()
        }
    }

    private func lookAtHardware() -> Bool {
        do throws(AnchorError) {
            _ = try anchor.readCounter()
            problems.solve(.hardware)
            return true
        } catch {
            problems.note(.hardware, "\(error) Guests go on; there are no checkpoints until it is back.")
            return false
        }
    }

    /// Has the hardware remember the last commit. False when it could not; the problem is noted.
    @discardableResult
    func checkpoint() -> Bool {
        turn.withLock { _ in
            // One that was handed out earlier comes first, and then the last commit.
            for _ in 0..<2 {
                guard let next = store.nextCheckpoint() else { return lookAtHardware() }
                guard give(next) else {
                    state.withLock { $0.failures += 1 }
                    return false
                }
                state.withLock { state in
                    state.last = Date()
                    state.count += 1
                }
            }
            return true
        }
    }

    private func give(_ checkpoint: Checkpoint) -> Bool {
        do throws(AnchorError) { try anchor.write(checkpoint) } catch {
            problems.note(.hardware, "\(error) Guests go on; there are no checkpoints until it is back.")
            return false
        }
        problems.solve(.hardware)
        do throws(StoreFailure) { try store.confirm(checkpoint) } catch {
            problems.note(.checkpoint, "The hardware TPM has a checkpoint that the store cannot note: \(error)")
            return false
        }
        problems.solve(.checkpoint)
        return true
    }
}
