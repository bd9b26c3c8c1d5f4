import Glibc
import Logging
import TPMEngine

/// Serves a device of the kernel: each read brings one command whole, and each write takes one response whole.
///
/// The kernel sends one command at a time, so nothing is read while one is executed.
final class VTPMProxy: EventSource, CommandClient {
    private let descriptor: Int32
    private let loop: EventLoop
    private let queue: CommandQueue
    private let logger: Logger
    private let whenGone: (String) -> Void
    private var slot: EventLoop.Slot?
    /// At which the kernel said that the following commands arrive; no other client's matter.
    private var locality = Locality.zero

    /// Takes over the descriptor. `whenGone` is told the reason when the kernel gives the device up.
    init(
        _ descriptor: Int32, loop: EventLoop, queue: CommandQueue, logger: Logger, whenGone: @escaping (String) -> Void
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.queue = queue
        self.logger = logger
        self.whenGone = whenGone
        slot = loop.add(self, descriptor, .readable)
    }

    func ready(_ events: EventLoop.Interest) {
        guard events.contains(.readable) else { return end("it took the device away") }
        let buffer = loop.readBuffer
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 {
            serve([UInt8](buffer[..<count]))
        } else if count == 0 || errno != EAGAIN && errno != EINTR {
            end(count == 0 ? "it took the device away" : lastError())
        }
    }

    func receive(_ answer: [UInt8]) {
        guard let slot else { return }
        loop.setInterest(slot, .readable)
        send(answer)
    }

    func close() {
        guard let slot else { return }
        self.slot = nil
        loop.remove(slot)
        queue.withdraw(self)
        Glibc.close(descriptor)
    }

    private func serve(_ command: [UInt8]) {
        let answer =
            SetLocality.answer(command) { locality in
                self.locality = locality
                return true
            } ?? queue.submit(command, locality: locality, from: self)
        if let answer { return send(answer) }
        if let slot { loop.setInterest(slot, []) }
    }

    private func send(_ answer: [UInt8]) {
        guard write(descriptor, answer, answer.count) != answer.count else { return }
        // The kernel waits for an answer as long as the command's duration says, and then takes none.
        guard errno != EPIPE else { return end("it took the device away") }
        logger.warning("The kernel did not take an answer: \(lastError()).")
    }

    private func end(_ reason: String) {
        guard slot != nil else { return }
        close()
        whenGone(reason)
    }
}
