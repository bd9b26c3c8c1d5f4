import TPMWire

/// Seeded random sequences of plausible commands, some of them damaged: each episode begins with an owned TPM.
struct RandomSequences {
    private static let commandsAnEpisode = 500
    private let pair: Pair
    private let seed: UInt64
    private let deck: [Action]

    init(_ pair: Pair, seed: UInt32) {
        self.pair = pair
        self.seed = UInt64(seed)
        deck = Chapter.all.flatMap(\.actions).flatMap { Array(repeating: $0, count: $0.weight) }
    }

    /// Sends at least this many commands to each TPM.
    func run(commands: Int) throws {
        let end = pair.report.commands + commands
        var episode: UInt64 = 0
        while pair.report.commands < end {
            try run(episode: episode, until: min(end, pair.report.commands + Self.commandsAnEpisode))
            episode += 1
        }
    }

    private func run(episode: UInt64, until end: Int) throws {
        pair.report.begin("random sequence \(episode) of seed \(seed)")
        try pair.begin(.owned)
        pair.report.hasDiverged = false
        let world = World(Dice(seed: seed << 32 | episode))
        while pair.report.commands < end, !pair.report.hasDiverged, pair.owner != nil {
            guard let action = world.pick(deck) else { return }
            if world.chance(oneIn: 5) { pair.nextForm = form(world) }
            try action.run(pair, world)
            pair.nextForm = nil
        }
        while let session = world.sessions.popLast() { try pair.flush(session, after: .plain, of: .oiap) }
    }

    /// Damage that need not fit the command: what lies beyond it changes nothing.
    private func form(_ world: World) -> Form {
        switch world.roll(8) {
        case 0: .operands(world.roll(40))
        case 1: .surplus
        case 2: .tag([0xc0, 0xc1, 0xc2, 0xc3, 0xc4][world.roll(5)])
        case 3: .wrongSecret(world.roll(2))
        case 4: .unknownSession(world.roll(2))
        default: .flipped(world.roll(60), UInt8(1 << world.roll(8)))
        }
    }
}
