import Glibc
import TPMCrypto
import TPMEngine
import TPMWire

/// One TPM on its board: its power, the signals that are no commands, and where it keeps its state. What it answers is
/// durable.
///
/// It takes one call at a time, on whatever thread; ``CommandQueue`` sees to that.
final class TPMInstance {
    /// Nil without power.
    private var tpm: TPM?
    private let environment: Environment
    private let store: any StateStore
    private let observer: any InstanceObserver
    /// Microseconds since 1970.
    private let wallTime: @Sendable () -> UInt64
    /// What was loaded for the next ``powerOn(forgettingVolatile:waiting:)`` to begin from.
    private var loaded: [StateBlob: Secret] = [:]
    /// The forms that left since the last command.
    private var left: Set<StateBlob> = []
    /// True from when the last form left until the store is locked again.
    private var isHandedOver = false
    /// True when the store has a volatile state, which is of the past as soon as a command changes the TPM.
    private var isSuspended = false

    /// A TPM without power.
    ///
    /// - Parameter store: where the state is; nil for a TPM that goes with this object.
    init(
        store: (any StateStore)?, environment: Environment, observer: any InstanceObserver,
        wallTime: @escaping @Sendable () -> UInt64 = systemTime
    ) {
        self.store = store ?? EphemeralStore()
        self.environment = environment
        self.observer = observer
        self.wallTime = wallTime
    }

    var hasPower: Bool { tpm != nil }

    /// True between TPM_Init and TPM_Startup.
    var awaitsStartup: Bool { tpm?.state.any.postInitialise ?? false }

    /// True when TPM_SaveState left something for TPM_Startup(ST_STATE).
    var hasSavedState: Bool { tpm?.state.saved != nil }

    /// The most bytes of a command and of a response, within ``bufferSizes``.
    var bufferSize = TPM.maximumCommandSize {
        didSet { bufferSize = min(max(bufferSize, Self.bufferSizes.lowerBound), Self.bufferSizes.upperBound) }
    }
    static let bufferSizes = 3072...TPM.maximumCommandSize

    /// Tells whoever runs the TPM.
    func note(_ sentence: String) { observer.noticed(sentence) }

    // MARK: Commands

    /// A command that was executed, and whether its answer must wait for the disk.
    struct Executed {
        let command: [UInt8]
        let outcome: TPM.Outcome
        /// True when ``finish(_:cancelled:)`` may take its time.
        let mustWait: Bool
        fileprivate let before: TPMState?
    }

    /// Executes a command; without power, or when the state is served elsewhere, it answers TPM_FAIL. One that is larger
    /// than the buffer answers TPM_BAD_PARAM_SIZE, and one whose response would be TPM_SIZE, and has no effect.
    func execute(_ command: [UInt8], locality: Locality = .zero) -> Executed {
        guard isLive(), let before = tpm?.state else { return .refused(command, .fail) }
        guard command.count <= bufferSize else { return .refused(command, .badParamSize) }
        guard let outcome = tpm?.execute(command, locality: locality) else { return .refused(command, .fail) }
        guard outcome.response.count <= bufferSize else {
            tpm?.state = before
            return .refused(command, .size)
        }
        return Executed(
            command: command, outcome: outcome,
            mustWait: outcome.changesPermanentState && !store.isQuick || isSuspended, before: before)
    }

    /// The answer to a command, after what it changed is on disk. A store that fails shuts the TPM down until the
    /// next start, which finds the state of before or that of after; the command itself answers TPM_FAIL.
    ///
    /// - Parameter isCancelled: nobody wants the answer any more. A command that succeeded has no effect then and answers
    ///   TPM_FAIL; one that failed keeps what it left behind, such as the count of failed authorizations.
    func finish(_ executed: Executed, isCancelled: Bool = false) -> [UInt8] {
        var response = executed.outcome.response
        if isCancelled, executed.outcome.result == .success, let before = executed.before {
            tpm?.state = before
            response = TPM.failure(.fail)
        } else if !keep(executed.outcome, before: executed.before) {
            response = TPM.failure(.fail)
        }
        observer.executed(executed.command, response)
        return response
    }

    /// Puts on disk what a command or a signal changed; false when that failed, which shuts the TPM down.
    private func keep(_ outcome: TPM.Outcome, before: TPMState?) -> Bool {
        guard let state = tpm?.state else { return true }
        do throws(StoreError) {
            if isSuspended, before.map({ state.mayDiffer(from: $0) }) ?? false {
                try store.saveVolatile(nil)
                isSuspended = false
            }
            if outcome.changesPermanentState { try store.save(state) }
            return true
        } catch {
            tpm?.fail()
            observer.storeFailed(error)
            return false
        }
    }

    // MARK: Power

    /// Gives the TPM power (TPM_Init), after taking away what power it had. It begins from what ``load(_:as:)`` brought,
    /// or from the store, which is locked from here on, or as a new TPM, which is stored at once. A volatile state that is
    /// there goes on, and no TPM_Startup is due.
    ///
    /// - Parameters:
    ///   - forgettingVolatile: a volatile state in the store is removed at once and not with the first change.
    ///   - milliseconds: how long another process may take to release the store.
    func powerOn(forgettingVolatile: Bool = false, waiting milliseconds: Int = 0) throws(StoreError) {
        powerOff()
        let loaded = loaded
        self.loaded = [:]
        try store.lock(waiting: milliseconds, continues: false)
        let stored = try store.load()
        var next = TPM(state: stored ?? TPMState(), environment: environment)
        if loaded.isEmpty {
            next.initialize()
            let volatile = try store.loadVolatile()
            isSuspended = volatile != nil
            if let volatile { try resume(&next, from: volatile) }
        } else {
            do throws(StateFormatError) { try begin(&next, from: loaded) } catch {
                throw StoreError("The state that was loaded \(error). What is stored was left as it is.")
            }
        }
        if stored == nil || !loaded.isEmpty { try store.save(next.state) }
        if forgettingVolatile || !loaded.isEmpty {
            try store.saveVolatile(nil)
            isSuspended = false
        }
        tpm = next
    }

    private func begin(_ tpm: inout TPM, from loaded: [StateBlob: Secret]) throws(StateFormatError) {
        if let blob = loaded[.permanent] {
            try blob.withArray { bytes throws(StateFormatError) in tpm.state = try TPMState(serialised: bytes) }
        }
        if let blob = loaded[.savestate] {
            try blob.withArray { bytes throws(StateFormatError) in try tpm.state.restoreSaved(bytes) }
        }
        tpm.initialize()
        if let blob = loaded[.volatile] {
            let now = wallTime()
            try blob.withArray { bytes throws(StateFormatError) in
                try tpm.restoreVolatile(bytes, wallTime: now)
            }
        }
    }

    /// Goes on from the volatile state in the store. One of another state of the TPM is of the past.
    private func resume(_ tpm: inout TPM, from volatile: Secret) throws(StoreError) {
        let now = wallTime()
        do throws(StateFormatError) {
            try volatile.withArray { bytes throws(StateFormatError) in
                try tpm.restoreVolatile(bytes, wallTime: now)
            }
        } catch {
            guard error == .otherState else {
                throw StoreError(
                    "The volatile state of the suspended TPM \(error). Move it away to start as after a loss of power.")
            }
            observer.noticed("The volatile state \(error): the TPM starts as after a loss of power.")
        }
    }

    /// Takes the power away, and with it what is volatile. The store stays locked.
    func powerOff() {
        tpm = nil
        left = []
        isHandedOver = false
    }

    // MARK: Signals

    /// TPM_PERMANENT_FLAGS -> tpmEstablished (Part 2, 7.1); false without power.
    var isEstablished: Bool { tpm?.state.permanent.flags.tpmEstablished ?? false }

    /// Executes TSC_ResetEstablishmentBit (Part 3, 24.4) as if it had come at `locality`.
    func resetEstablished(at locality: Locality) -> TPMResult {
        let executed = execute([0x00, 0xc1, 0, 0, 0, 10, 0x40, 0, 0, 0x0b], locality: locality)
        return finish(executed) == executed.outcome.response ? executed.outcome.result : .fail
    }

    /// Gives one of the signals of a dynamic launch; TPM_FAIL without power.
    func signal(_ body: (inout TPM) -> TPM.Outcome) -> TPMResult {
        guard isLive(), var next = tpm else { return .fail }
        let before = next.state
        let outcome = body(&next)
        tpm = next
        return keep(outcome, before: before) ? outcome.result : .fail
    }

    // MARK: The state, in and out

    /// Puts the volatile state into the store, from which ``powerOn(forgettingVolatile:waiting:)`` goes on.
    func suspend() throws(StoreError) {
        guard isLive(), let tpm else { throw .noPower }
        try store.saveVolatile(try bytes(of: .volatile, tpm))
        isSuspended = true
    }

    /// A form of the state; empty when there is none of that form.
    ///
    /// When all three forms have left, the TPM is handed over: see ``isLive(keepsLeft:)``.
    func save(_ blob: StateBlob) throws(StoreError) -> Secret {
        guard isLive(keepsLeft: true), let tpm else { throw .noPower }
        let bytes = try bytes(of: blob, tpm)
        left.insert(blob)
        if left.count == StateBlob.allCases.count, !store.isQuick {
            store.release()
            isHandedOver = true
        }
        return bytes
    }

    private func bytes(of blob: StateBlob, _ tpm: TPM) throws(StoreError) -> Secret {
        do throws(StateFormatError) { return try blob.bytes(of: tpm, at: wallTime()) } catch {
            throw StoreError("The TPM's state \(error).")
        }
    }

    /// Takes a form of the state for the next ``powerOn(forgettingVolatile:waiting:)``; the TPM has to be without power.
    func load(_ bytes: Secret, as blob: StateBlob) throws(StoreError) {
        guard tpm == nil else { throw StoreError("The TPM has power: stop it before a state is loaded.") }
        do throws(StateFormatError) {
            try bytes.withArray { plain throws(StateFormatError) in try blob.check(plain) }
        } catch {
            throw StoreError("What was sent as the \(blob) state \(error).")
        }
        loaded[blob] = bytes
    }

    /// Locks the store again after the state left and nobody took it; it changes nothing for a TPM that serves its state.
    func lockStore(waiting milliseconds: Int) throws(StoreError) {
        try store.lock(waiting: milliseconds, continues: isHandedOver)
        left = []
        isHandedOver = false
    }

    /// False without power, and for a TPM that was handed over, whose state another process has or had meanwhile. One
    /// that nobody took goes on.
    private func isLive(keepsLeft: Bool = false) -> Bool {
        guard tpm != nil else { return false }
        if isHandedOver {
            do throws(StoreError) { try lockStore(waiting: 0) } catch {
                observer.noticed(error.description)
                return false
            }
        } else if !keepsLeft, !left.isEmpty {
            left = []
        }
        return true
    }
}

extension TPMInstance.Executed {
    /// A command that had no effect.
    fileprivate static func refused(_ command: [UInt8], _ result: TPMResult) -> Self {
        Self(command: command, outcome: .refusal(result), mustWait: false, before: nil)
    }
}

extension StoreError {
    fileprivate static let noPower = StoreError("The TPM has no power, or its state is served by another process.")
}

/// Hears what happens to a TPM, on the thread where it happens.
protocol InstanceObserver: Sendable {
    func executed(_ command: [UInt8], _ response: [UInt8])
    /// The TPM shut down, because what it promised to keep could not be kept.
    func storeFailed(_ error: StoreError)
    /// Something that whoever runs the TPM should know, as a sentence.
    func noticed(_ sentence: String)
}

/// Microseconds since 1970 by the system's clock.
@Sendable func systemTime() -> UInt64 {
    var now = timespec()
    guard clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return UInt64(clamping: now.tv_sec) &* 1_000_000 &+ UInt64(clamping: now.tv_nsec / 1000)
}
