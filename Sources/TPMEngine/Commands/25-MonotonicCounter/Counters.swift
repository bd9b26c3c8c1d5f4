import TPMCrypto
import TPMWire

extension CreateCounter: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        try execution.requireOSAP(at: .first)
        // 2. and 3. Decrypting ends the session.
        let authData = try execution.decrypt(request.encAuth, at: .first)
        // 4. to 8.
        let counter = try execution.state.permanent.counters.create(label: request.label, authData: authData)
        return Response(countID: counter.countID, counterValue: counter.value)
    }
}

extension IncrementCounter: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let counter = try execution.state.permanent.counters.counter(request.countID)
        // 1. and 2. The first counter that is incremented after a start stays the only one until the next.
        let active = execution.state.clear.countID
        guard active == 0 || active == request.countID else { throw .badCounter }
        try execution.authorize(.first, as: .counter(counter.countID), secret: counter.authData)
        if active == 0 { execution.state.clear.countID = counter.countID }
        // 3. and 4.
        return Response(count: try execution.state.permanent.counters.increment(counter.countID))
    }
}

extension ReadCounter: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        Response(count: try execution.state.permanent.counters.counter(request.countID).value)
    }
}

extension ReleaseCounter: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let counter = try execution.state.permanent.counters.counter(request.countID)
        try execution.authorize(.first, as: .counter(counter.countID), secret: counter.authData)
        // 2. to 4.
        execution.release(counter: counter.countID)
        return Response()
    }
}

extension ReleaseCounterOwner: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        // 2.
        let counter = try execution.state.permanent.counters.counter(request.countID)
        // 3. to 5.
        execution.release(counter: counter.countID)
        return Response()
    }
}

extension Execution {
    /// Releases a counter, ends the sessions bound to it, and leaves no other active in its place (Part 3, 25.4
    /// actions 2 to 4 and 25.5 actions 3 to 5).
    fileprivate mutating func release(counter countID: UInt32) {
        state.permanent.counters.release(countID)
        state.any.sessions.close(boundTo: .counter(countID))
        if state.clear.countID == countID { state.clear.countID = MonotonicCounters.released }
    }
}
