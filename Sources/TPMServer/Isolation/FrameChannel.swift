import Glibc
import TPMCrypto

/// Why a peer is given up.
enum Breach {
    /// It closed its end, as it does when it ends.
    case closed
    /// It did what no peer does: the second half of a sentence.
    case wrong(String)
}

/// A socket of frames in a loop. What comes from the peer is not believed: a peer that sends what is no frame, does not
/// end one, or does not take what it is sent, is given up.
final class FrameChannel: EventSource {
    private let descriptor: Int32
    private let loop: EventLoop
    /// How long a frame may take in either direction, in milliseconds.
    private let patience: Int
    private let whenFrame: (EngineFrame) -> Void
    private let whenBroken: (Breach) -> Void
    private var slot: EventLoop.Slot?
    private let reader = FrameReader(maximumCount: EngineFrame.maximumCount)
    /// What the peer did not take yet.
    private var unsent = Secret(count: 0)
    private var sent = 0
    /// Counts what came and went, to tell a peer that is slow from one that does nothing.
    private var progress: UInt64 = 0
    private var isWatched = false

    /// Takes over the socket.
    ///
    /// - Parameter whenBroken: called once, when nothing more comes or goes; not after ``close()``.
    init(
        _ descriptor: Int32, loop: EventLoop, patience: Int, whenFrame: @escaping (EngineFrame) -> Void,
        whenBroken: @escaping (Breach) -> Void
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.patience = patience
        self.whenFrame = whenFrame
        self.whenBroken = whenBroken
        makeNonBlocking(descriptor)
        slot = loop.add(self, descriptor, .readable)
    }

    deinit { Glibc.close(descriptor) }

    func send(_ frame: EngineFrame) {
        guard slot != nil else { return }
        unsent = unsent.dropFirst(sent) + frame.bytes
        sent = 0
        flush()
        watch()
    }

    func close() {
        if let slot { loop.remove(slot) }
        slot = nil
    }

    func ready(_ events: EventLoop.Interest) {
        if sent < unsent.count { flush() }
        read()
        watch()
    }

    /// Reads what is there, but leaves a turn to others.
    private func read() {
        for _ in 0..<16 {
            guard slot != nil else { return }
            let count = Glibc.read(descriptor, loop.readBuffer.baseAddress, loop.readBuffer.count)
            guard count > 0 else {
                if count == 0 || errno != EAGAIN && errno != EINTR { end(.closed) }
                return
            }
            take(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        do throws(FrameError) {
            while slot != nil, let frame = try reader.next(&rest) {
                progress &+= 1
                whenFrame(frame)
            }
        } catch {
            end(.wrong("it sent \(error)"))
        }
    }

    private func flush() {
        let count = unsent.withUnsafeBytes { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(sent))
            return Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
        }
        if count < 0, errno != EAGAIN, errno != EINTR { return end(.closed) }
        sent += max(count, 0)
        if sent >= unsent.count {
            unsent = Secret(count: 0)
            sent = 0
            progress &+= 1
        }
        if let slot { loop.setInterest(slot, unsent.count > 0 ? [.readable, .writable] : .readable) }
    }

    /// Gives up a peer that owes something and does nothing. There is one timer at a time, whatever the peer does.
    private func watch() {
        guard slot != nil, !isWatched, reader.isInFrame || unsent.count > 0 else { return }
        isWatched = true
        let before = progress
        loop.after(milliseconds: patience) { [weak self] in
            guard let self, slot != nil else { return }
            isWatched = false
            guard progress == before, reader.isInFrame || unsent.count > 0 else { return watch() }
            end(.wrong(reader.isInFrame ? "it did not end a frame" : "it did not read what it was sent"))
        }
    }

    private func end(_ breach: Breach) {
        guard slot != nil else { return }
        close()
        whenBroken(breach)
    }
}
