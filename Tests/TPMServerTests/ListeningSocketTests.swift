import Glibc
import Testing

@testable import TPMServer

@Suite struct ListeningSocketTests {
    private let home: TemporaryDirectory
    private var path: String { home.path + "/tpm.sock" }

    init() throws { home = try TemporaryDirectory() }

    private func refusal(_ address: ListenAddress) -> String {
        do {
            _ = try ListeningSocket(address)
            return "it was not refused"
        } catch {
            return "\(error)"
        }
    }

    @Test func aUnixSocketBelongsToItsOwnerAndGoesInTheEnd() throws {
        var listener: ListeningSocket? = try ListeningSocket(.unix(path: path))
        #expect(home.mode("tpm.sock") == 0o600)
        #expect(listener != nil)
        listener = nil
        #expect(home.files.isEmpty)
    }

    @Test func aSocketThatADeadProcessLeftIsReplaced() throws {
        let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafeBytes(of: address) { bytes in
            bind(dead, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        #expect(status == 0)
        close(dead)
        #expect(home.files == ["tpm.sock"])
        _ = try ListeningSocket(.unix(path: path))
    }

    @Test func aSocketThatIsAliveIsRefusedAndStays() throws {
        let alive = try ListeningSocket(.unix(path: path))
        #expect(refusal(.unix(path: path)).contains("Another process listens at unix:\(path)"))
        #expect(home.files == ["tpm.sock"])
        withExtendedLifetime(alive) {}
    }

    @Test func aFileThatIsNoSocketIsRefusedAndStays() throws {
        try home.write([1, 2, 3], to: "tpm.sock")
        #expect(refusal(.unix(path: path)).contains("\(path) is there and is no socket"))
        #expect(home.contents("tpm.sock") == [1, 2, 3])
    }

    @Test func aPathThatIsTooLongIsRefused() {
        let path = "/tmp/" + String(repeating: "a", count: 103)
        #expect(refusal(.unix(path: path)).contains("too long"))
    }

    @Test func aFreePortIsChosenAndTold() throws {
        let one = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp("127.0.0.1", let port) = one.address else {
            Issue.record("\(one.address)")
            return
        }
        #expect(port > 0)
        #expect(refusal(one.address).contains("tcp:127.0.0.1:\(port)"))
    }

    @Test func aHostThatIsUnknownIsRefused() {
        #expect(refusal(.tcp(host: "300.1.1.1", port: 1)).contains("300.1.1.1"))
    }
}
