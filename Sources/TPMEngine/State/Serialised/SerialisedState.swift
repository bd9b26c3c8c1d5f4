import TPMCrypto
import TPMWire

/// The lasting state of a TPM as bytes. They hold every secret of the TPM in the clear.
extension TPMState {
    /// Everything that outlives power: TPM_PERMANENT_FLAGS and _DATA, the owner-evict keys, and what TPM_SaveState kept.
    public func serialised() throws(StateFormatError) -> Secret {
        try StateFormatError.unwritable.unless { () throws(TPMResult) in try StoredState(self) }.serialised()
    }

    /// The same without what TPM_SaveState kept, which is ``serialisedSaved()``.
    public func serialisedPermanent() throws(StateFormatError) -> Secret {
        try StateFormatError.unwritable.unless { () throws(TPMResult) in try StoredState(permanentOf: self) }
            .serialised()
    }

    /// The TPM as ``serialised()`` or ``serialisedPermanent()`` wrote it, without power: TPM_Init has to follow.
    ///
    /// The format of every earlier version loads; ``StateFormatError/newer(version:)`` refuses a later one.
    public init(serialised state: [UInt8]) throws(StateFormatError) {
        let stored = try StoredState(serialised: state)
        self = try StateFormatError.damaged.unless { () throws(TPMResult) in try stored.state() }
    }

    /// What TPM_SaveState kept, for the permanent state that it was kept beside; nil when there is nothing.
    public func serialisedSaved() throws(StateFormatError) -> Secret? {
        guard let saved else { return nil }
        return try StateFormatError.unwritable.unless { () throws(TPMResult) in try StoredSaved(saved, of: self) }
            .serialised()
    }

    /// Puts what ``serialisedSaved()`` wrote where TPM_Startup(ST_STATE) finds it; nothing changes when that throws.
    ///
    /// ``StateFormatError/otherState`` when the permanent state is not the one of then.
    public mutating func restoreSaved(_ bytes: [UInt8]) throws(StateFormatError) {
        let stored = try StoredSaved(serialised: bytes)
        try stored.binding.check(self)
        saved = try StateFormatError.damaged.unless { () throws(TPMResult) in try stored.saved.loaded(beside: self) }
    }
}

/// The volatile state of a TPM that runs as bytes. They hold the secrets of its sessions and keys in the clear.
extension TPM {
    /// Everything that the loss of power takes: registers, loaded keys, sessions, saved contexts, the running SHA-1,
    /// ticks and lockout. It goes with the permanent state of this moment, and with no other.
    ///
    /// - Parameter wallTime: microseconds since 1970 by the clock that ``restoreVolatile(_:wallTime:)`` will be told.
    public func serialisedVolatile(wallTime: UInt64) throws(StateFormatError) -> Secret {
        let now = environment.clock.microseconds
        return try StateFormatError.unwritable.unless { () throws(TPMResult) in
            try StoredRunning(state, at: now, wallTime: wallTime)
        }.serialised()
    }

    /// Goes on where ``serialisedVolatile(wallTime:)`` was called, as if there had been power all the time; nothing
    /// changes when that throws. It replaces TPM_Init and what comes after.
    ///
    /// The time that passed counts for the ticks and the lockout. When `wallTime` went back nobody knows it: a new tick
    /// session begins, transport sessions with a log end (Part 1, 20.1), and of the lockout nothing is over.
    ///
    /// ``StateFormatError/otherState`` when the permanent state is not the one of then.
    public mutating func restoreVolatile(_ bytes: [UInt8], wallTime: UInt64) throws(StateFormatError) {
        let stored = try StoredRunning(serialised: bytes)
        try stored.binding.check(state)
        let pause = wallTime >= stored.wallTime ? wallTime - stored.wallTime : nil
        let now = environment.clock.microseconds
        let current = state
        let (volatile, any) = try StateFormatError.damaged.unless { () throws(TPMResult) in
            (try stored.volatile.loaded(beside: current), try stored.any.loaded(at: now, after: pause))
        }
        state.clear = volatile.clear
        state.keys = volatile.keys
        state.any = any
    }
}

/// The whole state in words.
extension TPM {
    /// Everything that the TPM knows, secrets too, field by field: what outlives power, what a start clears, and the rest.
    package func describedState() throws(StateFormatError) -> [WireDescriber.Field] {
        let now = environment.clock.microseconds
        return try StateFormatError.unwritable.unless { () throws(TPMResult) in
            try WireDescriber.describe(try DescribedState(state, at: now), showsSecrets: true)
        }
    }
}

/// A state to be described and not to be stored.
private struct DescribedState: WireStructure {
    var permanent = StoredState()
    var volatile = StoredVolatile(isWhole: true)
    var any = StoredAny()

    init() {}

    init(_ state: TPMState, at now: UInt64) throws(TPMResult) {
        permanent = try StoredState(state)
        volatile = try StoredVolatile(SavedState(clear: state.clear, keys: state.keys), isWhole: true)
        any = StoredAny(state.any, at: now)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("permanent", &permanent)
        try coder.structure("volatile", &volatile)
        try coder.structure("any", &any)
    }
}

/// What TPM_SaveState kept, by itself.
private struct StoredSaved: StatePayload {
    static let format = StateFormat.saved

    var version = format.version
    var binding = StoredBinding()
    var saved = StoredVolatile(isWhole: true)

    init() {}

    init(_ saved: SavedState, of state: TPMState) throws(TPMResult) {
        binding = try StoredBinding(to: state)
        self.saved = try StoredVolatile(saved, isWhole: true)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("binding", &binding)
        try coder.structure("saved", &saved)
    }

    var capacity: Int { saved.capacity }
}

/// The volatile state of a TPM that runs.
private struct StoredRunning: StatePayload {
    static let format = StateFormat.volatile

    var version = format.version
    var binding = StoredBinding()
    /// When it was stored, in microseconds since 1970.
    var wallTime: UInt64 = 0
    var volatile = StoredVolatile(isWhole: true)
    var any = StoredAny()

    init() {}

    init(_ state: TPMState, at now: UInt64, wallTime: UInt64) throws(TPMResult) {
        binding = try StoredBinding(to: state)
        self.wallTime = wallTime
        volatile = try StoredVolatile(SavedState(clear: state.clear, keys: state.keys), isWhole: true)
        any = StoredAny(state.any, at: now)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("binding", &binding)
        try coder.uint64("wallTime", &wallTime)
        try coder.structure("volatile", &volatile)
        try coder.structure("any", &any)
    }

    var capacity: Int { volatile.capacity + StoredAny.capacity }
}
