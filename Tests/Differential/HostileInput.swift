import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

/// Damaged commands to our engine alone, as many as a time allows: that it answers each, and does not die, is the check.
struct HostileInput {
    private let pair: Pair
    private let seed: UInt32

    init(_ pair: Pair, seed: UInt32) {
        self.pair = pair
        self.seed = seed
    }

    func run(seconds: Int) throws {
        pair.report.begin("hostile input")
        let engine = pair.engine
        let world = World(Dice(seed: UInt64(seed) << 32 | 0xffff))
        let client = TPMClient(
            ForwardingTransport { try engine.transmit(damaged($0, world)) }, random: SeededRandom(seed: seed))
        let rightClient = TPMClient(ForwardingTransport(engine.transmit), random: SeededRandom(seed: seed))
        let samples = pair.corpus.sorted {
            ($0.key.ordinal.rawValue, $0.key.sessions) < ($1.key.ordinal.rawValue, $1.key.sessions)
        }
        let end = ContinuousClock.now + .seconds(seconds)
        var count = 0
        var wellFormed = 0
        while ContinuousClock.now < end {
            if count % 1000 == 0 {
                try engine.restore(Start.owned.rawValue)
                try rightClient.execute(Startup.self, .init(.clear))
            }
            guard let sample = world.pick(samples), let command = CommandTable.command(for: sample.key.ordinal) else {
                break
            }
            try engine.setLocality(Locality(rawValue: UInt8(world.roll(5))) ?? .zero)
            engine.passTime()
            if world.chance(oneIn: 2) {
                // The HMACs are right for the damaged operands, so that the damage reaches the actions.
                try? send(command, sample.value, rightClient, world)
            } else {
                try? send(command, sample.value, client, world)
            }
            let answer = try engine.transmit(world.bytes(world.roll(60)))
            if answer.count >= 10, answer[2..<6].elementsEqual(UInt32(answer.count).bigEndianBytes) { wellFormed += 1 }
            count += 1
        }
        pair.report.check("each of \(count) damaged commands has a well-formed answer", count == wellFormed)
        print("\(count) damaged commands to the engine")
    }

    private func send<C: Command>(
        _ command: C.Type, _ sample: Pair.Sample, _ client: TPMClient, _ world: World
    ) throws {
        var operands = sample.operands.vtpm
        for _ in 0...world.roll(3) { operands.flip(world.roll(operands.count), UInt8(1 << world.roll(8))) }
        if world.chance(oneIn: 4) { operands.truncate(to: world.roll(operands.count + 1)) }
        if world.chance(oneIn: 8) { operands.bytes += world.bytes(world.roll(200)) }
        let sessions = try sample.auth.map { auth in
            switch auth {
            case .oiap(let secret): try client.oiap(secret)
            case .osap(let kind, let value, let secret, let scheme):
                try client.osap(kind, value.vtpm, secret: secret, scheme: scheme)
            case .open(let session): session.vtpm
            }
        }
        _ = try client.execute(Raw<C>.self, operands, sessions: sessions)
    }

    private func damaged(_ command: [UInt8], _ world: World) -> [UInt8] {
        var command = command
        guard world.chance(oneIn: 2), !command.isEmpty else { return command }
        for _ in 0...world.roll(4) { command[world.roll(command.count)] ^= UInt8(1 << world.roll(8)) }
        if world.chance(oneIn: 4) { command.removeLast(world.roll(command.count)) }
        if world.chance(oneIn: 8) { command += world.bytes(world.roll(5000)) }
        if world.chance(oneIn: 2), command.count >= 6 {
            command.replaceSubrange(2..<6, with: UInt32(command.count).bigEndianBytes)
        }
        return command
    }
}
