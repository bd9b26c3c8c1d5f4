import Glibc

/// An open file descriptor that carries commands and answers; closed when it dies.
final class Descriptor {
    /// Largest answer that is believed. A TPM 1.2 has a buffer of about 4 KiB (TPM_CAP_PROP_INPUT_BUFFER).
    static let maximumSize = 64 << 10
    private static let headerSize = 10
    private static let usualSize = 4 << 10

    let number: Int32
    private let isSocket: Bool

    init(_ number: Int32, isSocket: Bool) {
        self.number = number
        self.isSocket = isSocket
    }

    deinit { Glibc.close(number) }

    /// Writes all bytes, with one system call unless the kernel takes less.
    func write(_ bytes: [UInt8], until deadline: Deadline) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                let rest = UnsafeRawBufferPointer(rebasing: raw[done...])
                return isSocket
                    ? Glibc.send(number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                    : Glibc.write(number, rest.baseAddress, rest.count)
            }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .system(count == 0 ? EIO : errno)
            }
            if done < bytes.count { try wait(POLLOUT, until: deadline) }
        }
    }

    /// Reads one answer, whose header says its size, normally with one system call. Nothing is allocated for a size
    /// that no TPM answers with, and bytes beyond the answer are an error.
    func readAnswer(until deadline: Deadline) throws(Failure) -> [UInt8] {
        var answer = [UInt8](repeating: 0, count: Self.usualSize)
        var have = 0
        var size = Self.headerSize
        while have < size {
            if have > 0 { try wait(POLLIN, until: deadline) }
            let count = answer.withUnsafeMutableBytes { buffer in
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer[have...])
                return Glibc.read(number, room.baseAddress, room.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            guard count > 0 else { throw .closed }
            have += count
            guard have >= Self.headerSize else { continue }
            size = answer[2..<6].reduce(0) { $0 << 8 | Int($1) }
            guard (Self.headerSize...Self.maximumSize).contains(size) else { throw .size(size) }
            guard have <= size else { throw .surplus }
            if size > answer.count { answer += [UInt8](repeating: 0, count: size - answer.count) }
        }
        answer.removeLast(answer.count - size)
        return answer
    }

    /// Waits for the rest of what came or went in part. The first wait of a round trip is the kernel's own: a socket
    /// has its timeouts, and the driver of a device answers in time.
    private func wait(_ event: Int32, until deadline: Deadline) throws(Failure) {
        var entry = pollfd(fd: number, events: Int16(event), revents: 0)
        while true {
            let left = deadline.millisecondsLeft
            guard left > 0 else { throw .system(EAGAIN) }
            let ready = poll(&entry, 1, left)
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw .system(errno) }
        }
    }
}

extension Descriptor {
    /// Why a round trip failed.
    enum Failure: Error {
        case system(Int32)
        case closed
        case size(Int)
        case surplus

        /// A sentence of a peer that is named before it.
        var sentence: String {
            switch self {
            case .system(EAGAIN), .system(ETIMEDOUT): "did not answer in time"
            case .system(let code): message(code)
            case .closed: "closed the connection without an answer"
            case .size(let size): "announced an answer of \(size) bytes, where 10 to \(maximumSize) are possible"
            case .surplus: "sent more than its answer"
            }
        }
    }

    /// What the system says of an error number.
    static func message(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// A moment by which a round trip is over.
struct Deadline {
    private let moment: ContinuousClock.Instant

    init(after timeout: Duration) { moment = .now + timeout }

    /// Rounded up, and no more than `poll` takes.
    var millisecondsLeft: Int32 {
        let (seconds, attoseconds) = (moment - .now).components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int32(clamping: min(seconds, Int64(Int32.max)) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
