import TPMClient
import TPMCrypto
import TPMWire

extension Pair {
    /// Sends a right command in every malformed form, each with sessions of its own.
    func sweep<C: Command>(_ call: Call<C>) throws {
        report.sweeping(C.ordinal)
        for form in try forms(of: call) {
            try prepare(for: C.ordinal)
            try attempt(call, form)
        }
        try prepare(for: C.ordinal)
    }

    /// Brings back what a malformed form of the command may have ended.
    private func prepare(for ordinal: Ordinal) throws {
        switch ordinal {
        case .startup:
            // There is one TPM_Startup a TPM_Init.
            try powerCycle()
        case .sha1Update, .sha1Complete, .sha1CompleteExtend:
            try unswept { try send(SHA1Start.self, .init()) }
        default: break
        }
    }

    private func forms<C: Command>(of call: Call<C>) throws -> [Form] {
        // A look at the operands: with sessions, of which some operands are made.
        var sessions: [Session] = []
        for auth in call.auth {
            guard let session = try open(auth) else { return [] }
            sessions.append(session.vtpm)
            try flush(session, after: .plain, of: C.ordinal)
        }
        guard let request = try? call.request(.vtpm, sessions) else { return [] }
        let operands = try RawOperands(request).count
        let all = 10 + operands + 45 * call.auth.count
        let step = max(1, operands / 48)
        var forms: [Form] = Array(stride(from: 0, to: operands, by: step)).map { .operands($0) }
        forms += Array(stride(from: 10, to: all, by: max(1, all / 40))).map { .cut($0) }
        forms += [.surplus, .overlong, .wrongSize(-1), .wrongSize(1)]
        forms += [0, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4].filter { $0 != 0xc1 + call.auth.count }.map { .tag(UInt16($0)) }
        forms += Array(stride(from: 0, to: min(operands, 64), by: 1)).map { .flipped($0, 0x80) }
        forms += Array(stride(from: 64, to: operands, by: max(1, operands / 24))).map { .flipped($0, 0x10) }
        for index in call.auth.indices {
            forms += [.wrongSecret(index), .unknownSession(index), .otherProtocol(index)]
        }
        return forms
    }
}

extension Auth {
    /// The session that a form asks for instead.
    func changed(by form: Form, at index: Int) -> Auth {
        switch (form, self) {
        case (.wrongSecret(index), .oiap): .oiap(Pair.wrongAuth)
        case (.wrongSecret(index), .osap(let kind, let value, _, let scheme)):
            .osap(kind, value, Pair.wrongAuth, scheme: scheme)
        case (.otherProtocol(index), .osap(_, _, let secret, _)): .oiap(secret)
        case (.otherProtocol(index), .oiap(let secret)): .osap(.srk, Pair.srk.map(\.rawValue), secret)
        default: self
        }
    }
}

extension Form {
    /// Whether the form is one of the message and not of operands or sessions.
    var changesMessage: Bool {
        switch self {
        case .cut, .overlong, .tag, .wrongSize, .unknownSession: true
        default: false
        }
    }

    func change(_ operands: inout RawOperands) {
        switch self {
        case .operands(let count): operands.truncate(to: count)
        case .surplus: operands.bytes.append(0)
        case .flipped(let offset, let bits): operands.flip(offset, bits)
        default: break
        }
    }

    func changed(_ message: [UInt8]) -> [UInt8] {
        var message = message
        switch self {
        case .cut(let size):
            message = Array(message.prefix(size))
            setSize(&message, message.count)
        case .overlong:
            message.append(0)
            setSize(&message, message.count)
        case .wrongSize(let off): setSize(&message, message.count + off)
        case .tag(let tag):
            message[0] = UInt8(tag >> 8)
            message[1] = UInt8(tag & 0xff)
        case .unknownSession(let index):
            // The first trailer stands before the second.
            let count = message[1] == 0xc3 ? 2 : 1
            let trailer = message.count - 45 * (count - index)
            if message.indices.contains(trailer) { message[trailer] ^= 0x55 }
        default: break
        }
        return message
    }

    private func setSize(_ message: inout [UInt8], _ size: Int) {
        for (index, shift) in zip(2..<6, [24, 16, 8, 0]) where message.indices.contains(index) {
            message[index] = UInt8(truncatingIfNeeded: size >> shift)
        }
    }
}
