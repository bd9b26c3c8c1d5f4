import Dispatch
import Synchronization
import TPMCrypto
import TPMEngine
import TPMWire

/// The commands of all clients of one TPM and the signals of its board: done one at a time, in the order in which they
/// came.
///
/// It belongs to one thread, that of `home`. A command without RSA runs there at once, for a hop to another thread
/// takes longer than most of them; one with RSA, a signal, and the writing of a state to disk run on a queue of the
/// TPM's own, and the others wait for it. For a store that tells later no thread waits.
final class CommandQueue {
    /// Runs a closure on the thread that the queue belongs to; called on any thread.
    typealias Home = @Sendable (@escaping @Sendable () -> Void) -> Void

    /// What is done with the TPM; it returns the answer.
    typealias Work = @Sendable (TPMInstance) -> [UInt8]

    private enum Job {
        case command([UInt8], Locality)
        case signal(Work)
    }

    private let instance: TPMInstance
    private let home: Home
    private let worker = DispatchQueue(label: "vtpm.tpm")
    private var waiting: [(job: Job, client: any CommandClient)] = []
    private var isWorking = false
    /// Tells the worker that nobody wants the answer of the command that it executes.
    private let isCancelled = Atomic(false)
    private var whenIdle: (() -> Void)?

    init(_ instance: TPMInstance, home: @escaping Home) {
        self.instance = instance
        self.home = home
    }

    /// Takes a command from a client that has none here. Returns the answer, or nil when the client will get it
    /// later through ``CommandClient/receive(_:)``: never, once the queue is drained.
    func submit(_ command: [UInt8], locality: Locality, from client: any CommandClient) -> [UInt8]? {
        take(.command(command, locality), from: client)
    }

    /// Takes what a board does to its TPM, from a client that has nothing else here. The client gets the answer through
    /// ``CommandClient/receive(_:)``: never, once the queue is drained.
    func perform(for client: any CommandClient, _ signal: @escaping Work) {
        _ = take(.signal(signal), from: client)
    }

    private func take(_ job: Job, from client: any CommandClient) -> [UInt8]? {
        guard whenIdle == nil else {
            client.forget()
            return nil
        }
        if isWorking || !waiting.isEmpty {
            waiting.append((job, client))
            return nil
        }
        return start(job, for: client)
    }

    /// Runs `body` with the TPM in line with the commands, and hands what it returns to `done`, before anything that waits
    /// is begun; nil when the queue is drained before.
    func call<Value: Sendable>(
        _ body: @escaping @Sendable (TPMInstance) -> Value, _ done: @escaping @Sendable (Value?) -> Void
    ) {
        let call = InstanceCall(body, done)
        perform(for: call) { call.run(on: $0) }
    }

    /// Ends the commands that run or wait: they answer TPM_FAIL, and have no effect unless they fail by themselves.
    func cancel() {
        if isWorking { isCancelled.store(true, ordering: .releasing) }
        var cancelled: [any CommandClient] = []
        waiting.removeAll { item in
            guard case .command = item.job else { return false }
            cancelled.append(item.client)
            return true
        }
        for client in cancelled { client.receive(TPM.failure(.fail)) }
    }

    /// Forgets the waiting job of a client that is gone. One that runs is not interrupted.
    ///
    /// - Returns: true when there was one.
    @discardableResult
    func withdraw(_ client: any CommandClient) -> Bool {
        let count = waiting.count
        waiting.removeAll { $0.client === client }
        return waiting.count < count
    }

    /// Forgets every waiting job, takes no other, and calls `body` when the last was answered.
    func drain(_ body: @escaping () -> Void) {
        let forgotten = waiting
        waiting = []
        whenIdle = body
        for item in forgotten { item.client.forget() }
        if !isWorking { body() }
    }

    /// The answer of a command that is done on this thread; nil when the worker has it.
    private func start(_ job: Job, for client: any CommandClient) -> [UInt8]? {
        let errand = Errand(queue: self, client: client)
        isWorking = true
        isCancelled.store(false, ordering: .relaxed)
        switch job {
        case .signal(let signal): work(errand) { signal(errand.queue.instance) }
        case .command(let command, let locality) where !Self.isQuick(command):
            work(errand) { errand.finish(errand.queue.instance.execute(command, locality: locality)) }
        case .command(let command, let locality):
            let executed = instance.execute(command, locality: locality)
            guard instance.mustWait(for: executed) else {
                guard let answer = errand.finish(executed) else { return nil }
                isWorking = false
                return answer
            }
            work(errand) { errand.finish(executed) }
        }
        return nil
    }

    /// Commands that the table calls short and that use a private key.
    private static let shortWithRSA: Set<Ordinal> = [.loadMaintenanceArchive]

    /// True unless the command computes with RSA or makes keys (Part 2, 17: duration).
    private static func isQuick(_ command: [UInt8]) -> Bool {
        guard command.count >= 10 else { return true }
        let ordinal = Ordinal(rawValue: UInt32(bigEndian: command[6..<10]))
        guard let row = OrdinalTable.row(for: ordinal) else { return true }
        return row.duration == .short && !shortWithRSA.contains(ordinal)
    }

    /// Runs `body` on the worker; it returns nil when the store will bring the answer home.
    private func work(_ errand: Errand, _ body: @escaping @Sendable () -> [UInt8]?) {
        worker.async {
            if let answer = body() { errand.queue.home { errand.queue.finished(answer, for: errand.client) } }
        }
    }

    private func finished(_ answer: [UInt8], for client: any CommandClient) {
        client.receive(answer)
        isWorking = false
        if let whenIdle { return whenIdle() }
        startWaiting()
    }

    private func startWaiting() {
        while !isWorking, !waiting.isEmpty {
            let next = waiting.removeFirst()
            guard let answer = start(next.job, for: next.client) else { continue }
            next.client.receive(answer)
        }
    }

    /// What crosses to the worker, or the store, and back. The worker touches the instance and `isCancelled` alone, and
    /// while it does nobody else touches the instance: `isWorking` keeps them off.
    private struct Errand: @unchecked Sendable {
        let queue: CommandQueue
        let client: any CommandClient

        /// The answer to a command, unless the store tells later.
        func finish(_ executed: TPMInstance.Executed) -> [UInt8]? {
            let isCancelled = queue.isCancelled.load(ordering: .acquiring)
            return queue.instance.finish(executed, isCancelled: isCancelled) { failure in
                queue.home { queue.finished(queue.instance.finish(executed, after: failure), for: client) }
            }
        }
    }
}

/// Sends commands to a ``CommandQueue``, one at a time.
protocol CommandClient: AnyObject {
    /// Takes the answer to what was waiting or running; called on the queue's thread.
    func receive(_ answer: [UInt8])
    /// No answer will come, for the queue is drained.
    func forget()
}

extension CommandClient {
    func forget() {}
}

/// A call of the program that serves a TPM.
private final class InstanceCall<Value: Sendable>: CommandClient, @unchecked Sendable {
    private let body: @Sendable (TPMInstance) -> Value
    private let done: @Sendable (Value?) -> Void
    /// Written on the worker, and read when that is done.
    private var value: Value?

    init(_ body: @escaping @Sendable (TPMInstance) -> Value, _ done: @escaping @Sendable (Value?) -> Void) {
        self.body = body
        self.done = done
    }

    func run(on instance: TPMInstance) -> [UInt8] {
        value = body(instance)
        return []
    }

    func receive(_ answer: [UInt8]) { done(value) }

    func forget() { done(nil) }
}
