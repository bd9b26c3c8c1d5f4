import Glibc
import Testing

@testable import TPMServer

@Suite struct ServiceNotifierTests {
    /// A socket for datagrams at an address.
    private func receiver(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        try #require(try UnixAddress(path).use { bind(descriptor, $0, $1) } == Int32(0))
        return descriptor
    }

    private func next(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    @Test func noticesArriveAsOneDatagram() throws {
        let path = "/tmp/vtpm-notify-test-\(getpid()).sock"
        let descriptor = try receiver(path)
        defer {
            close(descriptor)
            unlink(path)
        }
        let notifier = try #require(ServiceNotifier(path: path))
        #expect(notifier.send(.ready, .status("3 guests run.\nREADY=0")))
        #expect(next(descriptor) == "READY=1\nSTATUS=3 guests run. READY=0")
        #expect(notifier.send(.stopping))
        #expect(next(descriptor) == "STOPPING=1")
    }

    @Test func theAbstractNamespaceIsReached() throws {
        let name = "vtpm-notify-test-\(getpid())"
        let descriptor = try receiver("\0\(name)")
        defer { close(descriptor) }
        #expect(try #require(ServiceNotifier(path: "@\(name)")).send(.ready))
        #expect(next(descriptor) == "READY=1")
    }

    @Test func whereNobodyIsNothingHappens() throws {
        #expect(try #require(ServiceNotifier(path: "/tmp/vtpm-notify-test-nobody.sock")).send(.ready) == false)
        let long = "/" + String(repeating: "x", count: 200)
        #expect(try #require(ServiceNotifier(path: long)).send(.ready) == false)
        for path in ["", "@", "relative", "vsock:2:1234"] { #expect(ServiceNotifier(path: path) == nil) }
    }
}
