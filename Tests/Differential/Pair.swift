import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

/// Both TPMs, and the one place where a command goes to each and the answers are compared.
final class Pair {
    static let ownerAuth = Secret([UInt8](repeating: 0x11, count: 20))
    static let srkAuth = Secret([UInt8](repeating: 0x22, count: 20))
    static let keyAuth = Secret([UInt8](repeating: 0x33, count: 20))
    static let dataAuth = Secret([UInt8](repeating: 0x44, count: 20))
    static let wrongAuth = Secret([UInt8](repeating: 0xee, count: 20))
    static var srk: Both<KeyHandle> { Both(KeyHandle.srk) }

    let report: Report
    private let subjects: Both<any Subject>
    private let clients: Both<TPMClient>

    /// Whether each command of a kind is first sent in every malformed form.
    var sweeps = false
    /// The commands whose malformed forms were sent.
    private var swept: Set<String> = []
    /// What the next command is changed to.
    var nextForm: Form?
    /// The operands of the last right command of each kind, for the gates.
    private(set) var corpus: [CorpusKey: Sample] = [:]
    /// The owner's secret while there is an owner.
    var owner: Secret?
    /// Whether NV areas are protected; before that swtpm checks more than the specification (Part 3, 20).
    var isNVLocked = false
    /// The public endorsement keys.
    var endorsementKey: Both<RSAPublicKey>?

    struct CorpusKey: Hashable {
        let ordinal: Ordinal
        let sessions: Int
    }

    /// A command that both took.
    struct Sample {
        let operands: Both<RawOperands>
        let auth: [Auth]
    }

    /// Our engine, for what is sent to it alone.
    var engine: any Subject { subjects.vtpm }

    init(seed: UInt32, report: Report) throws {
        let subjects = Both<any Subject>(EngineSubject(seed: seed), try SwtpmSubject())
        self.subjects = subjects
        self.report = report
        clients = Both(each: { side in
            TPMClient(
                ForwardingTransport { command in
                    if side == .vtpm { report.commands += 1 }
                    return try subjects[side].transmit(command)
                }, random: SeededRandom(seed: seed &+ 1))
        })
    }

    // MARK: - Power and place

    func restore(_ state: String) throws {
        for side in Side.allCases {
            try subjects[side].setLocality(.zero)
            try subjects[side].restore(state)
        }
    }

    func save(as state: String) throws { for side in Side.allCases { try subjects[side].save(as: state) } }

    func powerCycle() throws { for side in Side.allCases { try subjects[side].powerCycle() } }

    /// Runs the body with commands that come from a locality.
    func at(_ locality: Locality, _ body: () throws -> Void) throws {
        for side in Side.allCases { try subjects[side].setLocality(locality) }
        try body()
        for side in Side.allCases { try subjects[side].setLocality(.zero) }
    }

    func passTime() { for side in Side.allCases { subjects[side].passTime() } }

    // MARK: - Sending

    /// Sends a command to both and compares; both answers when both are successes.
    @discardableResult
    func send<C: Command>(
        _ command: C.Type, _ auth: Auth..., continues: Bool = false,
        request: @escaping (Side, [Session]) throws -> C.Request
    ) throws -> Both<C.Response>? {
        let call = Call<C>(auth: auth, continues: continues, request: request)
        let kind = "\(C.ordinal.rawValue) \(auth.count)"
        if sweeps, !auth.contains(where: \.isOpen), swept.insert(kind).inserted { try sweep(call) }
        let form = nextForm ?? .plain
        nextForm = nil
        return try attempt(call, form)
    }

    /// Runs the body without the malformed forms of commands that it sends first.
    func unswept(_ body: () throws -> Void) rethrows {
        let sweeps = sweeps
        self.sweeps = false
        try body()
        self.sweeps = sweeps
    }

    /// Sends the same operands to both.
    @discardableResult
    func send<C: Command>(
        _ command: C.Type, _ request: C.Request, _ auth: Auth..., continues: Bool = false
    ) throws -> Both<C.Response>? {
        switch auth.count {
        case 0: try send(command, continues: continues) { _, _ in request }
        case 1: try send(command, auth[0], continues: continues) { _, _ in request }
        default: try send(command, auth[0], auth[1], continues: continues) { _, _ in request }
        }
    }

    /// Something that takes several commands, through the client's own calls; what fails is told by its code.
    @discardableResult
    func call<Value>(_ ordinal: Ordinal, _ body: (Side, TPMClient) throws -> Value) throws -> Both<Value>? {
        var values = Both<Value?>(nil)
        var outcomes = Both(Outcome.silence)
        for side in Side.allCases {
            (values[side], outcomes[side]) = Self.result { try body(side, clients[side]) }
        }
        try record(Step(ordinal: ordinal, form: .plain, sessions: 0, operands: Both(RawOperands())), outcomes)
        return values.compactMap { $0 }
    }

    /// Opens a session on both sides; nil when both refuse, or one does.
    func open(_ auth: Auth) throws -> Both<Session>? {
        var sessions = Both<Session?>(nil)
        var outcomes = Both(Outcome.silence)
        let ordinal: Ordinal
        switch auth {
        case .open(let both): return both
        case .oiap(let secret):
            ordinal = .oiap
            for side in Side.allCases {
                (sessions[side], outcomes[side]) = Self.result { try clients[side].oiap(secret) }
            }
        case .osap(let kind, let value, let secret, let scheme):
            ordinal = .osap
            for side in Side.allCases {
                (sessions[side], outcomes[side]) = Self.result {
                    try clients[side].osap(kind, value[side], secret: secret, scheme: scheme)
                }
            }
        }
        try record(Step(ordinal: ordinal, form: .plain, sessions: 0, operands: Both(RawOperands())), outcomes)
        return sessions.compactMap { $0 }
    }

    private static func result<T>(_ body: () throws -> T) -> (T?, Outcome) {
        do { return (try body(), .answer(.success, [])) } catch { return (nil, Outcome(error)) }
    }

    /// One command in one form.
    @discardableResult
    func attempt<C: Command>(_ call: Call<C>, _ form: Form) throws -> Both<C.Response>? {
        var opened: [Both<Session>] = []
        for (index, auth) in call.auth.enumerated() {
            guard let session = try open(auth.changed(by: form, at: index)) else {
                for session in opened { try flush(session, after: form, of: C.ordinal) }
                return nil
            }
            opened.append(session)
        }
        var responses = Both<C.Response?>(nil)
        var outcomes = Both(Outcome.silence)
        var step = Step(ordinal: C.ordinal, form: form, sessions: opened.count, operands: Both(RawOperands()))
        for side in Side.allCases {
            let sessions = opened.map { $0[side] }
            for session in sessions { session.continues = call.continues }
            guard sessions.allSatisfy(\.isOpen), let request = try? call.request(side, sessions) else { return nil }
            var operands = try RawOperands(request)
            step.operands[side] = operands
            form.change(&operands)
            let client = clients[side]
            if form.changesMessage {
                let bytes = form.changed(try TPMClient.encode(Raw<C>.self, operands, sessions: sessions))
                outcomes[side] = transmit(bytes, to: side)
            } else {
                let (response, outcome) = Self.result { try client.execute(Raw<C>.self, operands, sessions: sessions) }
                responses[side] = response
                outcomes[side] = response.map { .answer(.success, C.comparable($0)) } ?? outcome
            }
        }
        if form == .plain, outcomes.vtpm.result == .success, outcomes.swtpm.result == .success {
            corpus[CorpusKey(ordinal: C.ordinal, sessions: opened.count)] = Sample(
                operands: step.operands, auth: call.auth)
        }
        try record(step, outcomes)
        // What came of a malformed form is nobody's.
        if form != .plain, let left = responses.compactMap({ $0 }) { try discard(left.map { $0 as Any }) }
        for (session, auth) in zip(opened, call.auth) where !auth.isOpen && !(call.continues && form == .plain) {
            try flush(session, after: form, of: C.ordinal)
        }
        return responses.compactMap { $0 }
    }

    /// Sends bytes, of which nothing but the return code is compared.
    func sendBytes(_ bytes: Both<[UInt8]>, _ step: Step) throws {
        try record(step, Both(each: { transmit(bytes[$0], to: $0) }))
    }

    private func transmit(_ bytes: [UInt8], to side: Side) -> Outcome {
        do {
            if side == .vtpm { report.commands += 1 }
            let answer = try subjects[side].transmit(bytes)
            guard answer.count >= 10 else { return .nonsense("an answer of \(answer.count) bytes") }
            return .answer(TPMResult(rawValue: answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) }), [])
        } catch {
            return .silence
        }
    }

    /// Ends what the TPMs may still hold of a session, and compares whether they did.
    func flush(_ session: Both<Session>, after form: Form, of ordinal: Ordinal) throws {
        let operands = try session.map {
            try RawOperands(FlushSpecific.Request(handle: $0.handle, resourceType: .auth))
        }
        let bytes = try operands.map { try TPMClient.encode(Raw<FlushSpecific>.self, $0) }
        var step = Step(ordinal: .flushSpecific, form: form, sessions: 0, operands: operands)
        step.after = ordinal
        try sendBytes(bytes, step)
    }

    /// Ends a session or unloads a key that an answer names.
    private func discard(_ responses: Both<Any>) throws {
        let made: Both<(UInt32, ResourceType)?> = responses.map { response in
            switch response {
            case let opened as OIAP.Response: (opened.authHandle, .auth)
            case let opened as OSAP.Response: (opened.authHandle, .auth)
            case let loaded as LoadKey2.Response: (loaded.inkeyHandle.rawValue, .key)
            case let loaded as LoadKey.Response: (loaded.inkeyHandle.rawValue, .key)
            case let loaded as LoadKeyContext.Response: (loaded.keyHandle.rawValue, .key)
            case let loaded as LoadAuthContext.Response: (loaded.authHandle, .auth)
            case let opened as DSAP.Response: (opened.authHandle, .auth)
            case let opened as EstablishTransport.Response: (opened.transHandle, .trans)
            default: nil
            }
        }
        guard let made = made.compactMap({ $0 }) else { return }
        try attempt(
            Call<FlushSpecific>(auth: [], continues: false) { side, _ in
                .init(handle: made[side].0, resourceType: made[side].1)
            }, .plain)
    }

    // MARK: - Comparing

    private func record(_ step: Step, _ outcomes: Both<Outcome>) throws {
        var step = step
        step.isNVLocked = isNVLocked
        report.record(step, outcomes)
        let shutDown: Set<TPMResult> = [.fail, .failedSelfTest]
        let isShutDown = Side.allCases.contains { side in outcomes[side].result.map(shutDown.contains) == true }
        if isShutDown || outcomes.vtpm == .silence || outcomes.swtpm == .silence {
            for side in Side.allCases { try subjects[side].revive() }
            try send(Startup.self, .init(.clear))
            return
        }
        if outcomes.vtpm.result != .success { subjects.vtpm.passTime() }
        guard step.ordinal != .resetLockValue else { return }
        let failures: Set<TPMResult> = [.authFail, .auth2Fail, .defendLockRunning]
        let isGuess = Side.allCases.contains { side in outcomes[side].result.map(failures.contains) == true }
        if isGuess { try endLockout() }
    }

    /// A wrong secret was counted: neither TPM is to refuse the right one from now on.
    private func endLockout() throws {
        passTime()
        guard let owner else { return }
        for side in Side.allCases { _ = try? clients[side].resetLock(owner: owner) }
    }

    /// A check of what the answers say beyond their bytes, which has to hold on both sides.
    func check(_ what: String, _ isTrue: (Side) throws -> Bool) {
        for side in Side.allCases { report.check("\(side.rawValue): \(what)", (try? isTrue(side)) ?? false) }
    }
}

/// A transport that is a function, which may throw.
final class ForwardingTransport: Transport {
    private let forward: ([UInt8]) throws -> [UInt8]

    init(_ forward: @escaping ([UInt8]) throws -> [UInt8]) { self.forward = forward }

    func transmit(_ command: [UInt8]) throws -> [UInt8] { try forward(command) }
}
