import Testing

@testable import TPMServer

@Suite struct ListenAddressTests {
    @Test func addressesOfAllFormsAreRead() {
        #expect(ListenAddress("tcp:127.0.0.1:6543") == .tcp(host: "127.0.0.1", port: 6543))
        #expect(ListenAddress("tcp:localhost:0") == .tcp(host: "localhost", port: 0))
        #expect(ListenAddress("tcp:[::1]:6543") == .tcp(host: "::1", port: 6543))
        #expect(ListenAddress("unix:/run/tpm:1.sock") == .unix(path: "/run/tpm:1.sock"))
    }

    @Test func addressesAreWrittenAsTheyAreRead() {
        for text in ["tcp:127.0.0.1:6543", "tcp:[::1]:0", "unix:tpm.sock"] {
            #expect(ListenAddress(text)?.description == text)
        }
    }

    @Test(arguments: [
        "", "tcp:", "unix:", "tcp:host", "tcp::1", "tcp:host:", "tcp:host:65536", "tcp:host:-1", "tcp:::1:80",
        "tcp:[]:80", "tcp:[::1:80", "tcp:a]b:80", "udp:host:1", "/run/tpm.sock",
    ])
    func anythingElseIsNone(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
