import TPMClient
import TPMCrypto
import TPMWire

extension Pair {
    /// States that refuse commands, and how a TPM comes into them (Part 2, 17).
    private static var gates: [(name: String, start: Start, enter: (Pair) throws -> Void)] {
        [
            ("before TPM_Startup", .owned, { try $0.powerCycle() }),
            ("without owner", .endorsed, { _ in }),
            ("without endorsement key", .new, { _ in }),
            (
                "disabled", .owned,
                {
                    try $0.assertPresence()
                    try $0.send(PhysicalDisable.self, .init())
                }
            ),
            (
                "deactivated", .owned,
                {
                    try $0.assertPresence()
                    try $0.send(PhysicalSetDeactivated.self, .init(state: true))
                    try $0.powerCycle()
                    try $0.send(Startup.self, .init(.clear))
                }
            ),
            (
                "disabled and deactivated", .endorsed,
                {
                    try $0.assertPresence()
                    try $0.send(PhysicalSetDeactivated.self, .init(state: true))
                    try $0.send(PhysicalDisable.self, .init())
                    try $0.powerCycle()
                    try $0.send(Startup.self, .init(.clear))
                }
            ),
            (
                "deactivated by TPM_Startup", .owned,
                {
                    try $0.powerCycle()
                    try $0.send(Startup.self, .init(.deactivated))
                }
            ),
        ]
    }

    /// Sends every ordinal, right but for the sessions, in every state that may refuse it.
    func runGates() throws {
        for gate in Self.gates {
            report.begin("gate: \(gate.name)")
            try begin(gate.start)
            try gate.enter(self)
            try send(TSCPhysicalPresence.self, .init(physicalPresence: .notPresent))
            for message in messages() { try sendBytes(message.bytes, message.step(gate.name)) }
            report.begin("gate: \(gate.name), without operands")
            for message in bareMessages() { try sendBytes(message.bytes, message.step("bare, \(gate.name)")) }
        }
    }

    /// Physical presence as firmware asserts it (Part 1, 10.2).
    func assertPresence() throws {
        try send(TSCPhysicalPresence.self, .init(physicalPresence: .cmdEnable))
        try send(TSCPhysicalPresence.self, .init(physicalPresence: .present))
    }

    private struct GateMessage {
        let bytes: Both<[UInt8]>
        let ordinal: Ordinal
        let operands: Both<RawOperands>
        let sessions: Int

        init(_ ordinal: Ordinal, _ operands: Both<RawOperands>, sessions: Int) {
            self.ordinal = ordinal
            self.operands = operands
            self.sessions = sessions
            bytes = operands.map { operands in
                let trailers = [UInt8](repeating: 0, count: sessions * AuthRequest.byteCount)
                let body = operands.handleBytes + operands.bytes + trailers
                let size = UInt32(10 + body.count)
                return [0x00, 0xc1 + UInt8(sessions)] + size.bigEndianBytes + ordinal.rawValue.bigEndianBytes + body
            }
        }

        func step(_ gate: String) -> Step {
            Step(ordinal: ordinal, form: .gate(gate), sessions: sessions, operands: operands)
        }
    }

    /// What the flows sent, in the order of the ordinals; what would leave the state comes last.
    private func messages() -> [GateMessage] {
        let leaving: Set<Ordinal> = [.startup]
        let keys = corpus.keys.sorted {
            (leaving.contains($0.ordinal) ? 1 : 0, $0.ordinal.rawValue, $0.sessions)
                < (leaving.contains($1.ordinal) ? 1 : 0, $1.ordinal.rawValue, $1.sessions)
        }
        return keys.compactMap { key in
            corpus[key].map { GateMessage(key.ordinal, $0.operands, sessions: key.sessions) }
        }
    }

    /// Every number that could be an ordinal, with each tag and nothing else; not those that take no operands.
    private func bareMessages() -> [GateMessage] {
        let numbers = Array(UInt32(0)..<0x100) + Array(0x4000_0000..<0x4000_0010) + [0x8000_0001, 0xffff_ffff]
        let without = Set(corpus.filter { $0.value.operands.vtpm.count == 0 }.map(\.key.ordinal))
        return numbers.map(Ordinal.init(rawValue:)).filter { !without.contains($0) && isComparable($0) }
            .flatMap { ordinal in
                (0...2).map { GateMessage(ordinal, Both(RawOperands()), sessions: $0) }
            }
    }

    /// False for a command of the specification that is not built yet.
    private func isComparable(_ ordinal: Ordinal) -> Bool {
        OrdinalTable.row(for: ordinal) == nil || CommandTable.command(for: ordinal) != nil
    }
}

extension UInt32 {
    var bigEndianBytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> $0) } }
}
