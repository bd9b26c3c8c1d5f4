import Glibc

/// Why the kernel makes no device, or took it away, as a sentence that says what to do.
public struct VTPMProxyError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A device of a TPM 1.2 that the Linux kernel makes through /dev/vtpmx (linux/vtpm_proxy.h): whatever programs and the
/// kernel itself send to it is read from `descriptor`. It goes when that is closed.
public struct VTPMProxyDevice: Sendable, CustomStringConvertible {
    /// N of /dev/tpmN.
    public let number: UInt32
    public let major: UInt32
    public let minor: UInt32
    let descriptor: Int32

    /// The device as an administrator finds it.
    public var description: String { "/dev/tpm\(number) (major \(major), minor \(minor))" }

    /// struct vtpm_proxy_new_dev. No flag is set: VTPM_PROXY_FLAG_TPM2 would be one.
    private struct NewDevice {
        var flags: UInt32 = 0
        var number: UInt32 = 0
        var descriptor: UInt32 = 0
        var major: UInt32 = 0
        var minor: UInt32 = 0
    }

    /// VTPM_PROXY_IOC_NEW_DEV: reads and writes the structure, of the kind 0xa1, number 0.
    private static let newDevice = UInt(3) << 30 | UInt(MemoryLayout<NewDevice>.size) << 16 | 0xa1 << 8

    init(at path: String) throws(VTPMProxyError) {
        let proxy = open(path, O_RDWR | O_CLOEXEC)
        guard proxy >= 0 else { throw Self.refusal(path, errno) }
        defer { close(proxy) }
        var made = NewDevice()
        guard ioctl(proxy, Self.newDevice, &made) == 0 else { throw Self.refusal(path, errno) }
        descriptor = Int32(bitPattern: made.descriptor)
        (number, major, minor) = (made.number, made.major, made.minor)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private static func refusal(_ path: String, _ code: Int32) -> VTPMProxyError {
        let reason = String(cString: strerror(code))
        switch code {
        case ENOENT, ENXIO, ENODEV:
            return VTPMProxyError(
                "\(path) is not there: load the kernel's module with modprobe tpm_vtpm_proxy (\(reason)).")
        case EACCES, EPERM:
            return VTPMProxyError(
                "\(path) makes no device for this user: it takes root, or CAP_SYS_ADMIN and access to it (\(reason)).")
        case ENOTTY: return VTPMProxyError("\(path) is not the kernel's vTPM proxy (\(reason)).")
        default: return VTPMProxyError("\(path) makes no device: \(reason).")
        }
    }
}
