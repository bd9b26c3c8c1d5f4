import Glibc

/// The address of a Unix socket (unix(7)).
package struct UnixAddress {
    private var address = sockaddr_un()
    private let size: Int

    /// - Parameter path: at most 107 bytes. One that begins with a zero byte is a name in the abstract namespace.
    package init(_ path: String) throws(ListenError) {
        // With the zero that ends it.
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw ListenError("The path \(path) is too long for a Unix socket: 107 bytes are the most.")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        // An abstract name is as long as the address says, and a path ends with a zero.
        let isAbstract = path.utf8.first == 0
        size =
            isAbstract
            ? MemoryLayout.size(ofValue: address.sun_family) + path.utf8.count : MemoryLayout<sockaddr_un>.size
    }

    /// Calls bind(2), connect(2) or the like; returns what it returns.
    package func use<Result: SignedInteger>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafeBytes(of: address) { bytes in
            guard let start = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress else { return -1 }
            return body(start, socklen_t(size))
        }
    }
}
