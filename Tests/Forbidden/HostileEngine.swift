import Glibc

/// Engines that were taken over: each does on its manager's sockets (3 and 4) what no engine does.
enum HostileEngine: String {
    /// Sends what is no frame.
    case garbage
    /// Begins a frame of 4 GB.
    case tooLong = "too-long"
    /// Begins a frame of a megabyte and does not end it.
    case endless
    /// Asks for what the store has and does not read it.
    case deaf
    /// Asks again before it has its answer.
    case hasty
    /// Sends an answer that nobody asked for.
    case unasked
    /// Does nothing at all.
    case silent
    /// Starts and obeys no order.
    case disobedient
    /// Closes its channels and lives on.
    case leaving
    /// Starts and says more than anybody wants to read.
    case loud
    /// Starts and says so much that nobody is served beside it.
    case flooding
    /// Sends a state that is none; ends with status 7 when it is refused.
    case liar
    /// Asks for a hundred keys; ends with the number of them as its status.
    case greedy
    /// Complains on standard error and dies.
    case crashing
    /// Starts and claims figures and PCRs that make no sense.
    case boaster

    func run() -> Never {
        signal(SIGPIPE, SIG_IGN)
        switch self {
        case .garbage: send([UInt8](repeating: 0x20, count: 4096))
        case .tooLong: send([0xff, 0xff, 0xff, 0xff, 4])
        case .endless: send([0, 0x10, 0, 0, 4, 1, 2, 3])
        case .deaf: send(frame(3))
        case .hasty: send(frame(3) + frame(3))
        case .unasked: send(frame(0), to: 4)
        case .silent: break
        case .disobedient: send(frame(0x40))
        case .leaving: for descriptor: Int32 in [3, 4] { close(descriptor) }
        case .loud:
            send(frame(0x40))
            let line = frame(0x42, [3] + Array("\u{1b}[2J\nforged line \u{2028}of text".utf8))
            for _ in 0..<5000 { send(line) }
        case .flooding:
            send(frame(0x40))
            while true { send(frame(0x42, [3, 0x2e])) }
        case .liar:
            send(frame(4, Array("a shopping list".utf8)))
            exit(answer().first == 1 ? 7 : 1)
        case .greedy:
            var count: Int32 = 0
            for _ in 0..<100 {
                send(frame(7))
                if answer().count == 1 + 512 { count += 1 }
            }
            exit(count)
        case .crashing:
            send(Array("Fatal error: \u{7}Index out of range\n".utf8), to: STDERR_FILENO)
            abort()
        case .boaster:
            send(frame(0x40))
            while true {
                var order = [UInt8](repeating: 0, count: 5)
                guard read(4, &order, 5) == 5 else { break }
                send(frame(0, [UInt8](repeating: 0xff, count: 479)), to: 4)
            }
        }
        while true { pause() }
    }

    private func frame(_ kind: UInt8, _ body: [UInt8] = []) -> [UInt8] {
        let count = 1 + body.count
        return [0, UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), kind] + body
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32 = 3) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// The kind and the body of what the manager answers.
    private func answer() -> [UInt8] {
        let header = receive(4)
        guard header.count == 4 else { exit(1) }
        return receive(header.reduce(0) { $0 << 8 | Int($1) })
    }

    private func receive(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let received = read(3, &part, part.count)
            guard received > 0 else { break }
            bytes += part.prefix(received)
        }
        return bytes
    }
}
