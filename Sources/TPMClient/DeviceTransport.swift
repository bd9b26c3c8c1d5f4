import Glibc

/// A TPM behind a character device: the kernel's driver takes a command in one write and gives the answer in one
/// read. The driver has its own limit for how long a command may take.
public final class DeviceTransport: Transport {
    private let path: String
    private var device: Descriptor?

    /// Opens the device. A file that is not a character device is refused before anything is written to it.
    public init(path: String) throws(ClientError) {
        self.path = path
        let number = Glibc.open(path, O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard number >= 0 else { throw .transport("cannot open \(path): \(Descriptor.message(errno))") }
        let opened = Descriptor(number, isSocket: false)
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFCHR else {
            throw .transport("cannot open \(path): not a character device")
        }
        device = opened
    }

    public func transmit(_ command: [UInt8]) throws -> [UInt8] {
        guard let device else { throw ClientError.transport("\(path): closed after an earlier error") }
        let deadline = Deadline(after: .seconds(300))
        do {
            try device.write(command, until: deadline)
            return try device.readAnswer(until: deadline)
        } catch {
            self.device = nil
            throw ClientError.transport("\(path): \(error.sentence)")
        }
    }
}
