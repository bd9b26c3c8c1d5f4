import Dispatch
import Glibc
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

@testable import TPMServer

/// A store in memory that keeps states as bytes, tells later, and can be told to fail.
final class SerialisedMemoryStore: SerialisedStateStore {
    private struct Contents {
        var state: Secret?
        var volatile: Secret?
        var saves = 0
        var fails = false
        var isLocked = false
    }

    private let contents = Mutex(Contents())
    private let queue = DispatchQueue(label: "store")

    var saves: Int { contents.withLock { $0.saves } }
    var isLocked: Bool { contents.withLock { $0.isLocked } }
    var state: TPMState? { try? load() }

    func setFails(_ fails: Bool) { contents.withLock { $0.fails = fails } }
    func setSerialised(_ bytes: Secret) { contents.withLock { $0.state = bytes } }

    func lock(waiting milliseconds: Int, continues: Bool) { contents.withLock { $0.isLocked = true } }

    func release() { contents.withLock { $0.isLocked = false } }

    func loadSerialised() -> Secret? { contents.withLock { $0.state } }

    func keepSerialised(_ bytes: Secret, then: @escaping @Sendable (StoreError?) -> Void) -> Kept {
        queue.async { [self] in
            let failure = contents.withLock { contents -> StoreError? in
                guard contents.isLocked, !contents.fails else {
                    return StoreError(contents.fails ? "The disk is full." : "Nobody locked it.", result: .noSpace)
                }
                contents.state = bytes
                contents.saves += 1
                return nil
            }
            then(failure)
        }
        return .later
    }

    func load() throws(StoreError) -> TPMState? {
        guard let bytes = loadSerialised() else { return nil }
        return try? TPMState(serialised: bytes.bytes)
    }

    func save(_ state: TPMState) throws(StoreError) { throw StoreError("Nobody saves so.") }

    func loadVolatile() -> Secret? { contents.withLock { $0.volatile } }

    func saveVolatile(_ bytes: Secret?) { contents.withLock { $0.volatile = bytes } }
}

/// Keeps what is logged.
final class RecordedLog: Sendable {
    private let heard = Mutex<[String]>([])

    var messages: [String] { heard.withLock { $0 } }

    fileprivate func record(_ message: String) { heard.withLock { $0.append(message) } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { log.record("\(event.message)") }
    }
}

/// An ``IsolatedGuest`` whose calls wait.
final class RunningGuest: Sendable {
    let isolated: IsolatedGuest
    let store: SerialisedMemoryStore
    private let heard: Heard
    /// Why the last start failed.
    var failure: String? { heard.failure.withLock { $0 } }

    private final class Heard: Sendable {
        let ended = DispatchSemaphore(value: 0)
        let reason = Mutex<String?>(nil)
        let failure = Mutex<String?>(nil)
    }

    init(
        _ store: SerialisedMemoryStore, keys: KeyPairPool? = nil, on loop: ServingLoop,
        log: RecordedLog = RecordedLog(),
        _ change: (inout IsolatedGuest.Options) -> Void = { _ in }
    ) {
        self.store = store
        let heard = Heard()
        self.heard = heard
        var options = IsolatedGuest.Options()
        options.program = Emulator.program.path
        if geteuid() == 0 { options.user = EngineUser(user: 65534, group: 65534) }
        change(&options)
        isolated = IsolatedGuest(store: store, keys: keys, logger: log.logger, options: options, on: loop) { reason in
            heard.reason.withLock { $0 = reason }
            heard.ended.signal()
        }
    }

    deinit { if let id = isolated.processID { kill(id, SIGKILL) } }

    /// Returns when it serves, or why it does not.
    func start() -> String? {
        heard.failure.withLock { $0 = nil }
        wait { done in
            isolated.start { [heard] failure in
                heard.failure.withLock { $0 = failure?.description }
                done()
            }
        }
        return failure
    }

    /// Returns why it ended, when it has.
    func end() -> String? {
        #expect(heard.ended.wait(timeout: .now() + 30) == .success)
        return heard.reason.withLock { $0 }
    }

    func stop() -> String? {
        isolated.stop()
        return end()
    }

    func suspend() -> String? {
        let result = Mutex<String?>(nil)
        wait { done in
            isolated.suspend { failure in
                result.withLock { $0 = failure?.description }
                done()
            }
        }
        return result.withLock { $0 }
    }

    func readPCRs() -> [Digest]? {
        let result = Mutex<[Digest]?>(nil)
        wait { done in
            isolated.readPCRs { values in
                result.withLock { $0 = values }
                done()
            }
        }
        return result.withLock { $0 }
    }

    /// True when it is so within some seconds.
    func eventually(_ condition: (IsolatedGuest) -> Bool) -> Bool {
        for _ in 0..<500 where !condition(isolated) { usleep(20_000) }
        return condition(isolated)
    }

    private func wait(_ body: (@escaping @Sendable () -> Void) -> Void) {
        let isDone = DispatchSemaphore(value: 0)
        body { isDone.signal() }
        #expect(isDone.wait(timeout: .now() + 30) == .success)
    }
}
