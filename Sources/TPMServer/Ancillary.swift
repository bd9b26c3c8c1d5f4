import Glibc

/// Bytes of a socket together with the descriptors that came along (SCM_RIGHTS, unix(7)).
enum Ancillary {
    /// What one call brought: `count` is recvmsg(2)'s, with the reason in `errno` when it is negative.
    struct Received {
        var count: Int
        var descriptors: [Int32] = []
    }

    /// More than a client may send at once; the kernel closes what does not fit.
    private static let maximumDescriptors = 4
    private static let headerSize = MemoryLayout<cmsghdr>.size

    /// Reads what is there into `buffer`. No child process inherits the descriptors.
    static func receive(_ socket: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Received {
        let space = headerSize + maximumDescriptors * MemoryLayout<Int32>.size
        return withUnsafeTemporaryAllocation(byteCount: space, alignment: MemoryLayout<cmsghdr>.alignment) { control in
            var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
            var header = msghdr()
            header.msg_iovlen = 1
            header.msg_control = control.baseAddress
            header.msg_controllen = control.count
            let count = withUnsafeMutablePointer(to: &part) { part in
                header.msg_iov = part
                return recvmsg(socket, &header, Int32(MSG_CMSG_CLOEXEC))
            }
            guard count >= 0, header.msg_controllen >= headerSize else { return Received(count: count) }
            return Received(
                count: count,
                descriptors: descriptors(
                    in: UnsafeRawBufferPointer(rebasing: control[..<min(header.msg_controllen, control.count)])))
        }
    }

    /// Those of the one message that the kernel writes for all of them.
    private static func descriptors(in control: UnsafeRawBufferPointer) -> [Int32] {
        let header = control.loadUnaligned(as: cmsghdr.self)
        guard header.cmsg_level == SOL_SOCKET, header.cmsg_type == Int32(SCM_RIGHTS) else { return [] }
        let end = min(header.cmsg_len, control.count)
        return stride(from: headerSize, through: end - MemoryLayout<Int32>.size, by: MemoryLayout<Int32>.size).map {
            control.loadUnaligned(fromByteOffset: $0, as: Int32.self)
        }
    }
}

/// Closes descriptors that nobody wants.
func closeAll(_ descriptors: [Int32]) {
    for descriptor in descriptors { close(descriptor) }
}
