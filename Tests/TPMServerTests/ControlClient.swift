import Glibc
import Testing

@testable import TPMServer

/// A client of swtpm's control protocol that sends what the test says.
final class ControlClient {
    private let socket: Int32

    init(unix path: String) throws { socket = try connectedSocket(unix: path) }

    deinit { close(socket) }

    /// Sends a request and returns the answer's result.
    func request(_ number: UInt32, _ operands: [UInt8] = [], passing descriptors: [Int32] = []) -> UInt32 {
        send(number, operands, passing: descriptors)
        return UInt32(bigEndian: receive(4))
    }

    func send(_ number: UInt32, _ operands: [UInt8] = [], passing descriptors: [Int32] = []) {
        raw(number.bigEndianBytes + operands, passing: descriptors)
    }

    func raw(_ bytes: [UInt8], passing descriptors: [Int32] = []) {
        let header = MemoryLayout<cmsghdr>.size
        let size = descriptors.isEmpty ? 0 : header + (descriptors.count * 4 + 7) / 8 * 8
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1), alignment: 8)
        defer { control.deallocate() }
        if !descriptors.isEmpty {
            let length = header + descriptors.count * 4
            var head = cmsghdr()
            head.cmsg_len = length
            head.cmsg_level = SOL_SOCKET
            head.cmsg_type = Int32(SCM_RIGHTS)
            control.storeBytes(of: head, as: cmsghdr.self)
            for (index, descriptor) in descriptors.enumerated() {
                control.storeBytes(of: descriptor, toByteOffset: header + index * 4, as: Int32.self)
            }
        }
        var bytes = bytes
        let sent = bytes.withUnsafeMutableBytes { buffer in
            var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
            return withUnsafeMutablePointer(to: &part) { part in
                var message = msghdr()
                message.msg_iov = part
                message.msg_iovlen = 1
                message.msg_control = size == 0 ? nil : control.baseAddress
                message.msg_controllen = size
                return sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
            }
        }
        #expect(sent == bytes.count)
    }

    func receive(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let received = recv(socket, &bytes, bytes.count, Int32(MSG_WAITALL))
        return Array(bytes.prefix(max(received, 0)))
    }

    /// GET_STATEBLOB: the result, the flags and the state.
    func state(_ blob: StateBlob, decrypted: Bool = true, offset: UInt32 = 0) -> (UInt32, UInt32, [UInt8]) {
        let operands = UInt32(decrypted ? 1 : 0).bigEndianBytes + blob.rawValue.bigEndianBytes + offset.bigEndianBytes
        let result = request(12, operands)
        guard result == 0 || result == 0x800 else { return (result, 0, []) }
        let flags = UInt32(bigEndian: receive(4))
        let total = UInt32(bigEndian: receive(4))
        let length = UInt32(bigEndian: receive(4))
        #expect(total == length)
        return (result, flags, receive(Int(length)))
    }

    /// SET_STATEBLOB.
    func setState(_ blob: StateBlob, _ bytes: [UInt8], encrypted: Bool = false) -> UInt32 {
        let flags = UInt32(encrypted ? 2 : 0).bigEndianBytes
        return request(
            13, flags + blob.rawValue.bigEndianBytes + UInt32(clamping: bytes.count).bigEndianBytes + bytes)
    }

    /// True when the server closed the connection.
    var isAtEnd: Bool { receive(1).isEmpty }
}
