import TPMClient
import TPMCrypto
import TPMWire

/// What the test does with one chapter of Part 3: flows that are written down, and commands for random sequences.
struct Chapter {
    let flows: [Flow]
    let actions: [Action]

    init(flows: [Flow], actions: [Action] = []) {
        self.flows = flows
        self.actions = actions
    }

    /// In the order of Part 3. A new chapter is a file in Chapters and a line here.
    static var all: [Chapter] {
        [
            .startup, .testing, .optIn, .ownership, .capability, .auditing, .management, .storage, .migration,
            .maintenance, .cryptographic, .endorsementKey, .identity, .integrity, .changingAuth, .sessions,
            .delegation, .nonVolatile, .sessionManagement, .eviction, .ticks, .transport, .counters, .daa, .deprecated,
        ]
    }
}

/// Commands one after another.
struct Flow {
    let name: String
    /// The state that it begins with.
    let start: Start
    let run: (Pair) throws -> Void

    init(_ name: String, from start: Start = .owned, _ run: @escaping (Pair) throws -> Void) {
        self.name = name
        self.start = start
        self.run = run
    }
}

/// How far a TPM has come, made once and restored often.
enum Start: String {
    /// As it was made, started.
    case new
    /// With an endorsement key.
    case endorsed
    /// With an owner and an SRK, NV areas not protected yet.
    case unlocked
    /// With an owner and an SRK.
    case owned

    var hasOwner: Bool { self == .unlocked || self == .owned }
    /// Whether NV areas are protected (TPM_PERMANENT_FLAGS -> nvLocked).
    var isLocked: Bool { self == .owned }
}

/// A command of random sequences: what it needs it takes from the world, what it makes it leaves there.
struct Action {
    let weight: Int
    let run: (Pair, World) throws -> Void

    init(_ weight: Int = 1, _ run: @escaping (Pair, World) throws -> Void) {
        self.weight = weight
        self.run = run
    }
}

extension Pair {
    /// Makes the states that flows begin with.
    func prepare() throws {
        report.begin("preparation")
        owner = nil
        try restore(Start.new.rawValue)
        try send(Startup.self, .init(.clear))
        guard let created = try createEndorsementKey() else { throw Unprepared() }
        endorsementKey = created
        try save(as: Start.endorsed.rawValue)
        guard try takeOwnership() else { throw Unprepared() }
        try save(as: Start.unlocked.rawValue)
        try send(NVDefineSpace.self, .init(pubInfo: .area(NVIndex.lock, [], 0), encAuth: .wellKnown))
        try save(as: Start.owned.rawValue)
    }

    /// The two TPMs in this state, started.
    func begin(_ start: Start) throws {
        owner = start.hasOwner ? Self.ownerAuth : nil
        isNVLocked = start.isLocked
        try restore(start.rawValue)
        try send(Startup.self, .init(.clear))
    }

    func runFlows(named name: String?) throws {
        for flow in Chapter.all.flatMap(\.flows) where name == nil || flow.name == name {
            report.begin(flow.name)
            try begin(flow.start)
            sweeps = true
            try flow.run(self)
            sweeps = false
        }
    }
}

/// The TPMs did not come so far that anything could be compared.
struct Unprepared: Error, CustomStringConvertible {
    var description: String { "the two TPMs could not be given an owner" }
}
