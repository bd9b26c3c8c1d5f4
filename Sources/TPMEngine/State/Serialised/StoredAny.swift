import TPMCrypto
import TPMWire

/// ``AnyState`` as bytes. Of times it has what has passed and what is left, in microseconds, for a clock is one
/// process's alone.
struct StoredAny: WireStructure {
    var postInitialise = true
    var tosPresent = false
    var launch: StoredSHA1?
    var sha1: StoredSHA1?
    var sessions: [StoredSession] = []
    var transports: [TransportInternal] = []
    var auditDigest = Digest.zero
    var elapsedTicks: UInt64 = 0
    var tickNonce: StoredDigest?
    var daaSessions: [StoredDAASlot] = []
    var contexts = StoredContexts()
    var contexts11 = StoredContexts()
    var isFailed = false
    /// For how long authorization is refused yet.
    var lockout: UInt64 = 0

    init() {}

    /// - Parameter now: what the clock shows.
    init(_ running: AnyState, at now: UInt64) {
        var any = running
        any.advanceTicks(to: now)
        postInitialise = any.postInitialise
        tosPresent = any.tosPresent
        launch = any.launch.map(StoredSHA1.init)
        sha1 = any.sha1.map(StoredSHA1.init)
        sessions = any.sessions.sessions.map(StoredSession.init)
        transports = any.transports.sessions
        auditDigest = any.auditDigest
        elapsedTicks = any.ticks.elapsed
        tickNonce = any.ticks.nonce.map(StoredDigest.init)
        daaSessions = any.daaSessions.sessions.map(StoredDAASlot.init)
        contexts = StoredContexts(any.contexts)
        contexts11 = StoredContexts(any.contexts11)
        isFailed = any.isFailed
        lockout = any.lockout(at: now)
    }

    /// The state that was stored. TPM_BAD_PARAMETER and the like when there can be no such state.
    ///
    /// - Parameters:
    ///   - now: what the clock shows.
    ///   - pause: the microseconds since the state was stored; nil when it is unknown, which ends the tick session.
    func loaded(at now: UInt64, after pause: UInt64?) throws(TPMResult) -> AnyState {
        var any = AnyState()
        any.postInitialise = postInitialise
        any.tosPresent = tosPresent
        any.launch = try launch?.loaded()
        any.sha1 = try sha1?.loaded()
        any.sessions = try StoredSession.table(sessions)
        any.transports = try TransportTable(restoring: transports)
        any.auditDigest = auditDigest
        any.daaSessions = try StoredDAASlot.table(daaSessions)
        any.contexts = try contexts.loaded()
        any.contexts11 = try contexts11.loaded()
        any.isFailed = isFailed
        try resume(&any, at: now, after: pause)
        return any
    }

    private func resume(_ any: inout AnyState, at now: UInt64, after pause: UInt64?) throws(TPMResult) {
        guard lockout <= Lockout.maximumSeconds * 1_000_000 else { throw .badParameter }
        let (elapsed, isTooLong) = elapsedTicks.addingReportingOverflow(pause ?? 0)
        any.ticks = TickSession(start: now, elapsed: elapsed, nonce: tickNonce?.value)
        if pause == nil || isTooLong { any.restartTicks(at: now) }
        let rest = lockout - min(lockout, pause ?? 0)
        any.lockedUntil = rest > 0 ? now &+ rest : nil
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.bool("postInitialise", &postInitialise)
        try coder.bool("TOSPresent", &tosPresent)
        try coder.optional("launch", &launch)
        try coder.optional("sha1", &sha1)
        try coder.list("sessions", &sessions)
        try coder.list("transSessions", &transports)
        try coder.digest("auditDigest", &auditDigest)
        try coder.uint64("elapsedTicks", &elapsedTicks)
        try coder.optional("tickNonce", &tickNonce)
        try coder.list("daaSessions", &daaSessions)
        try coder.structure("contexts", &contexts)
        try coder.structure("contexts11", &contexts11)
        try coder.bool("isFailed", &isFailed)
        try coder.uint64("lockout", &lockout)
    }

    /// More than the encoding takes, in bytes, whatever it holds: every table has its most.
    static let capacity = 32 * 1024
}

/// ``ContextList`` as bytes.
struct StoredContexts: WireStructure {
    /// One outstanding context.
    struct Context: WireStructure {
        var count: UInt32 = 0
        var isDelegated = false

        init() {}

        init(count: UInt32, isDelegated: Bool) {
            self.count = count
            self.isDelegated = isDelegated
        }

        mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("contextCount", &count)
            try coder.bool("isDelegated", &isDelegated)
        }
    }

    var nonce = Digest.zero
    var count: UInt32 = 0
    var outstanding: [Context] = []

    init() {}

    init(_ list: ContextList) {
        nonce = list.nonce
        count = list.count
        outstanding = list.outstanding.map { Context(count: $0, isDelegated: list.delegated.contains($0)) }
    }

    func loaded() throws(TPMResult) -> ContextList {
        try ContextList(
            nonce: nonce, count: count, outstanding: outstanding.map(\.count),
            delegated: Set(outstanding.filter(\.isDelegated).map(\.count)))
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.digest("contextNonce", &nonce)
        try coder.uint32("contextCount", &count)
        try coder.list("contextList", &outstanding)
    }
}

/// A DAA session with the handle that it keeps.
struct StoredDAASlot: WireStructure {
    var handle: UInt32 = 0
    var session = StoredDAASession()

    init() {}

    init(_ daa: DAASession) {
        handle = daa.handle
        session = StoredDAASession(daa)
    }

    /// TPM_BAD_HANDLE when two sessions have one handle, TPM_RESOURCES when they are too many.
    static func table(_ stored: [StoredDAASlot]) throws(TPMResult) -> DAASessionTable {
        var table = DAASessionTable()
        for item in stored {
            var daa = try table.open(start: item.handle)
            guard daa.handle == item.handle else { throw .badHandle }
            item.session.restore(&daa)
            table.update(daa)
        }
        return table
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("handle", &handle)
        try coder.structure("session", &session)
    }
}

extension StoredSession {
    /// TPM_BAD_HANDLE when two sessions have one handle, TPM_RESOURCES when they are too many.
    fileprivate static func table(_ stored: [StoredSession]) throws(TPMResult) -> SessionTable {
        var table = SessionTable()
        for item in stored {
            let session = try table.open(
                nonceEven: item.nonceEven, start: item.handle, binding: try item.binding())
            guard session.handle == item.handle else { throw .badHandle }
        }
        return table
    }
}

extension TransportTable {
    /// TPM_BAD_HANDLE when two sessions have one handle, TPM_RESOURCES when they are too many, TPM_BAD_PARAMETER when
    /// more than one is exclusive, and what ``TransportPublic/checkEncryption()`` says of a cipher that there is not.
    fileprivate init(restoring stored: [TransportInternal]) throws(TPMResult) {
        self.init()
        for item in stored {
            try item.transPublic.checkEncryption()
            let session = try open(item, start: item.transHandle)
            guard session.transHandle == item.transHandle else { throw .badHandle }
        }
        guard sessions.filter({ $0.transPublic.transAttributes.contains(.exclusive) }).count <= 1 else {
            throw .badParameter
        }
    }
}
