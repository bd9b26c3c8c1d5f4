import Dispatch
import TPMEngine
import TPMWire

/// The commands of all clients of one TPM: executed one at a time, in the order in which they came.
///
/// It belongs to one thread, that of `home`. A command without RSA runs there at once, for a hop to another thread
/// takes longer than most of them; one with RSA, and the writing of a state to disk, runs on a queue of the TPM's own,
/// and the others wait for it.
final class CommandQueue {
    /// Runs a closure on the thread that the queue belongs to; called on any thread.
    typealias Home = @Sendable (@escaping @Sendable () -> Void) -> Void

    private struct Waiting {
        let client: any CommandClient
        let command: [UInt8]
    }

    private let instance: TPMInstance
    private let home: Home
    private let worker = DispatchQueue(label: "vtpm.tpm")
    private var waiting: [Waiting] = []
    private var isWorking = false
    private var whenIdle: (() -> Void)?

    init(_ instance: TPMInstance, home: @escaping Home) {
        self.instance = instance
        self.home = home
    }

    /// Takes a command from a client that has none here. Returns the answer, or nil when the client will get it
    /// later through ``CommandClient/receive(_:)``: never, once the queue is drained.
    func submit(_ command: [UInt8], from client: any CommandClient) -> [UInt8]? {
        guard whenIdle == nil else { return nil }
        if isWorking || !waiting.isEmpty {
            waiting.append(Waiting(client: client, command: command))
            return nil
        }
        return start(command, for: client)
    }

    /// Forgets the waiting command of a client that is gone. One that runs is not interrupted.
    func withdraw(_ client: any CommandClient) {
        waiting.removeAll { $0.client === client }
    }

    /// Forgets every waiting command, takes no other, and calls `body` when the last was answered.
    func drain(_ body: @escaping () -> Void) {
        waiting = []
        whenIdle = body
        if !isWorking { body() }
    }

    /// The answer of a command that is done on this thread; nil when the worker has it.
    private func start(_ command: [UInt8], for client: any CommandClient) -> [UInt8]? {
        guard Self.isQuick(command) else {
            work(for: client) { $0.finish($0.execute(command)) }
            return nil
        }
        let executed = instance.execute(command)
        guard executed.mustSave else { return instance.finish(executed) }
        work(for: client) { $0.finish(executed) }
        return nil
    }

    /// Commands that the table calls short and that use a private key.
    private static let shortWithRSA: Set<Ordinal> = [.loadMaintenanceArchive]

    /// True unless the command computes with RSA or makes keys (Part 2, 17: duration).
    private static func isQuick(_ command: [UInt8]) -> Bool {
        guard command.count >= 10 else { return true }
        let ordinal = Ordinal(rawValue: command[6..<10].reduce(0) { $0 << 8 | UInt32($1) })
        guard let row = OrdinalTable.row(for: ordinal) else { return true }
        return row.duration == .short && !shortWithRSA.contains(ordinal)
    }

    private func work(for client: any CommandClient, _ body: @escaping @Sendable (TPMInstance) -> [UInt8]) {
        isWorking = true
        let work = Work(queue: self, client: client)
        worker.async {
            let answer = body(work.queue.instance)
            work.queue.home { work.queue.finished(answer, for: work.client) }
        }
    }

    private func finished(_ answer: [UInt8], for client: any CommandClient) {
        isWorking = false
        client.receive(answer)
        if let whenIdle { return whenIdle() }
        startWaiting()
    }

    private func startWaiting() {
        while !isWorking, !waiting.isEmpty {
            let next = waiting.removeFirst()
            guard let answer = start(next.command, for: next.client) else { continue }
            next.client.receive(answer)
        }
    }

    /// What crosses to the worker and back. The worker touches the instance alone, and while it does nobody else
    /// touches that: `isWorking` keeps them off.
    private struct Work: @unchecked Sendable {
        let queue: CommandQueue
        let client: any CommandClient
    }
}

/// Sends commands to a ``CommandQueue``, one at a time.
protocol CommandClient: AnyObject {
    /// Takes the answer to the command that was waiting or running; called on the queue's thread.
    func receive(_ answer: [UInt8])
}
