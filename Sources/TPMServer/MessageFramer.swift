import TPMCrypto
import TPMEngine

/// Cuts a stream of bytes into commands (Part 3, 1): two bytes of tag, four of paramSize, which counts the whole.
///
/// It holds at most what one read brought beyond one command.
struct MessageFramer {
    enum Message: Equatable {
        case command([UInt8])
        /// A header with a paramSize that no command has: where the next begins cannot be known.
        case unusable(paramSize: UInt32)
    }

    private static let headerSize = 10
    private var buffer: [UInt8] = []

    /// True when a command began and did not end.
    var isInMessage: Bool { !buffer.isEmpty }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        buffer.append(contentsOf: bytes)
    }

    /// The next command; nil until more bytes arrive.
    mutating func next() -> Message? {
        guard buffer.count >= 6 else { return nil }
        let paramSize = UInt32(bigEndian: buffer[2..<6])
        guard paramSize >= Self.headerSize, paramSize <= TPM.maximumCommandSize else {
            return .unusable(paramSize: paramSize)
        }
        let size = Int(paramSize)
        guard buffer.count >= size else { return nil }
        if buffer.count == size {
            defer { buffer = [] }
            return .command(buffer)
        }
        let command = Array(buffer[..<size])
        buffer.removeFirst(size)
        return .command(command)
    }
}
