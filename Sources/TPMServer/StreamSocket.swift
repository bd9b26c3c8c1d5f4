import Glibc

/// What an open stream socket is, which somebody else made.
public enum StreamSocket: Sendable {
    case listening
    /// One end of a connection.
    case connected

    /// Nil for a descriptor that is not open, or no stream socket.
    public init?(_ descriptor: Int32) {
        guard Self.option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            let isListening = Self.option(SO_ACCEPTCONN, of: descriptor)
        else { return nil }
        self = isListening != 0 ? .listening : .connected
    }

    private static func option(_ option: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : nil
    }
}
