import Glibc

/// swtpm's control channel: each request is a number of four bytes and its operands, each answer begins with a result
/// of four bytes (the manual page swtpm_ioctls).
public final class SwtpmControl {
    private let number: Int32

    /// The requests that a test needs.
    private enum Request: UInt32 {
        case initialise = 2
        case setLocality = 5
        case stop = 14
    }

    init(path: String) throws {
        number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &name.sun_path) { target in
            guard path.utf8.count < target.count else { return false }
            target.copyBytes(from: path.utf8)
            return true
        }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let connected = withUnsafeBytes(of: &name) { raw in
            connect(number, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), size) == 0
        }
        guard fits, connected else { throw EmulatorFailure(description: "swtpm has no control channel at \(path)") }
    }

    deinit { close(number) }

    /// TPM_Init: power comes back, and what was volatile is gone.
    public func initialise() throws { try send(.initialise, [0, 0, 0, 0]) }

    /// Where the commands from now on come from.
    public func setLocality(_ locality: UInt8) throws { try send(.setLocality, [locality]) }

    /// Ends the TPM without the process, so that its state may be replaced before ``initialise()``.
    public func stop() throws { try send(.stop, []) }

    private func send(_ request: Request, _ operands: [UInt8]) throws {
        let message = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: request.rawValue >> $0) } + operands
        var answer = [UInt8](repeating: 0xff, count: 4)
        guard write(number, message, message.count) == message.count, read(number, &answer, 4) == 4,
            answer == [0, 0, 0, 0]
        else { throw EmulatorFailure(description: "swtpm refuses the control request \(request): \(answer)") }
    }
}
