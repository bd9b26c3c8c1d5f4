import Glibc
import Synchronization
import TPMCrypto
import TPMEngine
import TPMWire

/// One TPM on its board: its power, the signals that are no commands, and where it keeps its state. What it answers is
/// durable.
///
/// It takes one call at a time, on whatever thread; ``CommandQueue`` sees to that.
package final class TPMInstance {
    /// Nil without power.
    private var tpm: TPM?
    package var environment: Environment {
        didSet { tpm?.environment = environment }
    }
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
    /// True from when the store did not take something until it does: what it has may be anything but the state here.
    private var isUnsaved = false
    /// That state, while the TPM has no power.
    private var unsaved: TPMState?
    let figures = Figures()

    /// What may be looked at from any thread.
    final class Figures: Sendable {
        let hasPower = Atomic(false)
        /// The commands that were answered, whatever the answer.
        let commands = Atomic<UInt64>(0)
    }

    /// A TPM without power.
    ///
    /// - Parameter store: where the state is; nil for a TPM that goes with this object.
    package init(
        store: (any StateStore)?, environment: Environment, observer: any InstanceObserver = SilentObserver(),
        wallTime: @escaping @Sendable () -> UInt64 = systemTime
    ) {
        self.store = store ?? EphemeralStore()
        self.environment = environment
        self.observer = observer
        self.wallTime = wallTime
    }

    package var hasPower: Bool { tpm != nil }

    /// True between TPM_Init and TPM_Startup.
    var awaitsStartup: Bool { tpm?.state.any.postInitialise ?? false }

    /// True when TPM_SaveState left something for TPM_Startup(ST_STATE).
    var hasSavedState: Bool { tpm?.state.saved != nil }

    /// The most bytes of a command and of a response, within ``bufferSizes``.
    var bufferSize = TPM.maximumCommandSize {
        didSet {
            bufferSize = min(max(bufferSize, Self.bufferSizes.lowerBound), Self.bufferSizes.upperBound)
            environment.inputBufferSize = bufferSize
        }
    }
    static let bufferSizes = 3072...TPM.maximumCommandSize

    /// Tells whoever runs the TPM.
    func note(_ sentence: String) { observer.noticed(sentence) }

    // MARK: Commands

    /// A command or a signal that was executed, and what has to be on disk before it is answered.
    package struct Executed: Sendable {
        let command: [UInt8]
        package let outcome: TPM.Outcome
        /// Nil when nothing has.
        fileprivate let change: StateChange?
        /// False when `change` is of earlier commands alone, and this one is answered whether it is kept or not.
        fileprivate let needsStore: Bool
        fileprivate let before: TPMState?
    }

    /// True when to finish it takes longer than a short command.
    func mustWait(for executed: Executed) -> Bool { executed.change != nil && !store.isQuick }

    /// Executes a command; without power, or when the state is served elsewhere, it answers TPM_FAIL. One that is larger
    /// than the buffer answers TPM_BAD_PARAM_SIZE, and one whose response would be TPM_SIZE, and has no effect.
    package func execute(_ command: [UInt8], locality: Locality = .zero) -> Executed {
        guard isLive(), let before = tpm?.state else { return .refused(command, .fail) }
        guard command.count <= bufferSize else { return .refused(command, .badParamSize) }
        guard let outcome = tpm?.execute(command, locality: locality) else { return .refused(command, .fail) }
        guard outcome.response.count <= bufferSize else {
            tpm?.takeBack(command, since: before)
            return .refused(command, .size)
        }
        return executed(command, outcome, since: before)
    }

    private func executed(_ command: [UInt8], _ outcome: TPM.Outcome, since before: TPMState) -> Executed {
        guard let state = tpm?.state else { return .refused(command, .fail) }
        let changesVolatile = isSuspended && state.mayDiffer(from: before)
        let needsStore = outcome.changesPermanentState || changesVolatile
        var change: StateChange?
        if needsStore || isUnsaved {
            change = StateChange(
                state: outcome.changesPermanentState || isUnsaved ? state : nil,
                endsSuspension: changesVolatile || isSuspended && isUnsaved)
        }
        return Executed(command: command, outcome: outcome, change: change, needsStore: needsStore, before: before)
    }

    /// The answer to a command, after what it changed is on disk.
    ///
    /// When the store fails, a command that changed something answers ``StoreError/result``. One that succeeded has no
    /// effect then; one that failed keeps what it left behind, such as the count of failed authorizations, which no
    /// full disk makes free. Every command after that tries the store again, with all that it did not take.
    ///
    /// - Parameter isCancelled: nobody wants the answer any more. A command that succeeded has no effect then and answers
    ///   TPM_FAIL; one that failed keeps what it left behind.
    package func finish(_ executed: Executed, isCancelled: Bool = false) -> [UInt8] {
        if isCancelled, let answer = cancel(executed) { return answer }
        return finish(executed, after: keep(executed))
    }

    /// The same, with an error for an answer that tells of the store.
    func finishOrThrow(_ executed: Executed) throws(StoreError) -> [UInt8] {
        let failure = keep(executed)
        let answer = finish(executed, after: failure)
        if let failure, executed.needsStore { throw failure }
        return answer
    }

    /// The same without waiting for the store: returns the answer, or nil when `later` will be called, once and on any
    /// thread. Until ``finish(_:after:)`` was given what it brought, the TPM takes no other call.
    func finish(
        _ executed: Executed, isCancelled: Bool, later: @escaping @Sendable (StoreError?) -> Void
    ) -> [UInt8]? {
        if isCancelled, let answer = cancel(executed) { return answer }
        guard let change = executed.change else { return finish(executed, after: nil) }
        switch store.keep(change, then: later) {
        case .durable: return finish(executed, after: nil)
        case .failed(let failure): return finish(executed, after: failure)
        case .later: return nil
        }
    }

    func finish(_ executed: Executed, after failure: StoreError?) -> [UInt8] {
        answer(executed, settle(executed, failure).map(TPM.failure) ?? executed.outcome.response)
    }

    private func cancel(_ executed: Executed) -> [UInt8]? {
        guard executed.outcome.result == .success, let before = executed.before else { return nil }
        tpm?.takeBack(executed.command, since: before)
        return answer(executed, TPM.failure(.fail))
    }

    private func answer(_ executed: Executed, _ response: [UInt8]) -> [UInt8] {
        figures.commands.add(1, ordering: .relaxed)
        observer.executed(executed.command, response)
        return response
    }

    /// Sends a command as firmware or the board does.
    func perform(_ command: [UInt8], locality: Locality = .zero) -> TPMResult {
        let answer = finish(execute(command, locality: locality))
        return TPMResult(rawValue: UInt32(bigEndian: answer.dropFirst(6).prefix(4)))
    }

    private func keep(_ executed: Executed) -> StoreError? {
        executed.change.flatMap { store.keep($0) }
    }

    /// Acts on what became of what the store had to keep; returns what is answered when that is not the outcome.
    private func settle(_ executed: Executed, _ failure: StoreError?) -> TPMResult? {
        guard let change = executed.change else { return nil }
        noteStore(failure)
        guard let failure else {
            if change.endsSuspension { isSuspended = false }
            return nil
        }
        guard executed.needsStore else { return nil }
        if executed.outcome.result == .success, let before = executed.before {
            tpm?.takeBack(executed.command, since: before)
        }
        return failure.result
    }

    private func noteStore(_ failure: StoreError?) {
        guard isUnsaved != (failure != nil) else { return }
        isUnsaved.toggle()
        if let failure { observer.storeFailed(failure) } else { observer.storeRecovered() }
    }

    // MARK: Power

    /// Gives the TPM power (TPM_Init), after taking away what power it had. It begins from what ``load(_:as:)`` brought,
    /// or from the store, which is locked from here on, or as a new TPM, which is stored at once. A volatile state that is
    /// there goes on, and no TPM_Startup is due.
    ///
    /// What the store did not take before goes on from memory, as after a loss of power, and the first command that it can
    /// be kept with keeps it.
    ///
    /// - Parameters:
    ///   - forgettingVolatile: a volatile state in the store is removed at once and not with the first change.
    ///   - milliseconds: how long another process may take to release the store.
    package func powerOn(forgettingVolatile: Bool = false, waiting milliseconds: Int = 0) throws(StoreError) {
        powerOff()
        let loaded = loaded
        self.loaded = [:]
        try store.lock(waiting: milliseconds, continues: false)
        var stored = unsaved
        if stored == nil { stored = try store.load() }
        var next = TPM(state: stored ?? TPMState(), environment: environment)
        if !loaded.isEmpty {
            do throws(StateFormatError) { try begin(&next, from: loaded) } catch {
                throw StoreError("The state that was loaded \(error). What is stored was left as it is.")
            }
        } else {
            next.initialize()
            if !isUnsaved {
                let volatile = try store.loadVolatile()
                isSuspended = volatile != nil
                if let volatile { try resume(&next, from: volatile) }
            }
        }
        if stored == nil || !loaded.isEmpty {
            try store.save(next.state)
            noteStore(nil)
        }
        if forgettingVolatile && !isUnsaved || !loaded.isEmpty {
            do throws(StoreError) {
                try store.saveVolatile(nil)
                isSuspended = false
            } catch { noteStore(error) }
        }
        unsaved = nil
        tpm = next
        figures.hasPower.store(true, ordering: .relaxed)
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
    package func powerOff() {
        if isHandedOver {
            // What is stored may be newer.
            isUnsaved = false
            unsaved = nil
        } else if isUnsaved, let tpm {
            unsaved = tpm.state
        }
        tpm = nil
        figures.hasPower.store(false, ordering: .relaxed)
        left = []
        isHandedOver = false
    }

    /// Takes the power away, and lets others have the store.
    func end() {
        powerOff()
        store.release()
    }

    // MARK: Signals

    /// TPM_PERMANENT_FLAGS -> tpmEstablished (Part 2, 7.1); false without power.
    var isEstablished: Bool { tpm?.state.permanent.flags.tpmEstablished ?? false }

    /// Executes TSC_ResetEstablishmentBit (Part 3, 24.4) as if it had come at `locality`.
    func resetEstablished(at locality: Locality) -> TPMResult {
        perform([0x00, 0xc1, 0, 0, 0, 10, 0x40, 0, 0, 0x0b], locality: locality)
    }

    /// Gives one of the signals of a dynamic launch; TPM_FAIL without power, and a store that fails counts as for a
    /// command.
    package func signal(_ body: (inout TPM) -> TPM.Outcome) -> TPMResult {
        guard isLive(), var next = tpm else { return .fail }
        let before = next.state
        let outcome = body(&next)
        tpm = next
        let executed = executed([], outcome, since: before)
        return settle(executed, keep(executed)) ?? outcome.result
    }

    // MARK: The state, in and out

    /// What the TPM holds, between two commands; nil without power, and when it is served by another process.
    var state: TPMState? { isLive(keepsLeft: true) ? tpm?.state : nil }

    /// Puts the volatile state into the store, from which ``powerOn(forgettingVolatile:waiting:)`` goes on.
    func suspend() throws(StoreError) {
        guard isLive(), let tpm else { throw .noPower }
        let volatile = try bytes(of: .volatile, tpm)
        if isUnsaved {
            // It belongs to the state that is here.
            try store.save(tpm.state)
            noteStore(nil)
        }
        // Also when it fails, it may be there.
        isSuspended = true
        try store.saveVolatile(volatile)
    }

    /// A form of the state; empty when there is none of that form.
    ///
    /// When all three forms have left, the TPM is handed over: see ``isLive(keepsLeft:)``.
    func save(_ blob: StateBlob) throws(StoreError) -> Secret {
        guard isLive(keepsLeft: true), let tpm else { throw .noPower }
        let bytes = try bytes(of: blob, tpm)
        left.insert(blob)
        if left.count == StateBlob.allCases.count {
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

    // MARK: Copies

    /// All that the TPM holds outside of its store, as a value.
    package struct Memory: Sendable {
        /// Nil without power.
        package var tpm: TPM?
        fileprivate var loaded: [StateBlob: Secret] = [:]
        fileprivate var left: Set<StateBlob> = []
        fileprivate var isHandedOver = false
        fileprivate var isSuspended = false
        fileprivate var isUnsaved = false
        fileprivate var unsaved: TPMState?

        /// That of a TPM whose store has all that it must have.
        package init(_ tpm: TPM?) { self.tpm = tpm }
    }

    /// What is set goes on in the world of this instance, and its store has to be the one of then.
    package var memory: Memory {
        get {
            var memory = Memory(tpm)
            (memory.loaded, memory.left, memory.isHandedOver) = (loaded, left, isHandedOver)
            (memory.isSuspended, memory.isUnsaved, memory.unsaved) = (isSuspended, isUnsaved, unsaved)
            return memory
        }
        set {
            tpm = newValue.tpm
            tpm?.environment = environment
            (loaded, left, isHandedOver) = (newValue.loaded, newValue.left, newValue.isHandedOver)
            (isSuspended, isUnsaved, unsaved) = (newValue.isSuspended, newValue.isUnsaved, newValue.unsaved)
            figures.hasPower.store(tpm != nil, ordering: .relaxed)
        }
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
        Self(command: command, outcome: .refusal(result), change: nil, needsStore: false, before: nil)
    }
}

extension StoreError {
    fileprivate static let noPower = StoreError("The TPM has no power, or its state is served by another process.")
}

/// Hears what happens to a TPM, on the thread where it happens.
package protocol InstanceObserver: Sendable {
    func executed(_ command: [UInt8], _ response: [UInt8])
    /// The store began to fail: what changes the TPM is refused until it works again. It is tried with each command.
    func storeFailed(_ error: StoreError)
    /// The store took all that it had not.
    func storeRecovered()
    /// Something that whoever runs the TPM should know, as a sentence.
    func noticed(_ sentence: String)
}

/// For a TPM of which nobody needs to hear: its caller hears from the answers.
package struct SilentObserver: InstanceObserver {
    package init() {}

    package func executed(_ command: [UInt8], _ response: [UInt8]) {}
    package func storeFailed(_ error: StoreError) {}
    package func storeRecovered() {}
    package func noticed(_ sentence: String) {}
}

/// Microseconds since 1970 by the system's clock.
@Sendable package func systemTime() -> UInt64 {
    var now = timespec()
    guard clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return UInt64(clamping: now.tv_sec) &* 1_000_000 &+ UInt64(clamping: now.tv_nsec / 1000)
}
