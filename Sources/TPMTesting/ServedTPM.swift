import TPMClient
import TPMServer

/// A ``TestTPM`` at an address, for programs in other languages and processes. It is served until ``stop()`` or until
/// this object dies.
public final class ServedTPM: Sendable {
    /// Where it is, with the port that the system chose where 0 was asked for: `tcp:HOST:PORT` or `unix:PATH` as text.
    public let address: ListenAddress
    private let server: CommandServer

    fileprivate init(_ tpm: TestTPM, at address: ListenAddress) throws(ListenError) {
        server = try CommandServer { command in try? tpm.transmit(command) }
        self.address = try server.listen(at: address)
    }

    /// Where a ``TPMClient/SocketTransport`` finds it.
    public var clientAddress: TPMAddress {
        switch address {
        case .tcp(let host, let port): .tcp(host: host, port: port)
        case .unix(let path): .unix(path: path)
        }
    }

    /// Disconnects the clients and listens no more.
    public func stop() { server.stop() }

    deinit { server.stop() }
}

extension TestTPM {
    /// Listens at an address for clients that send commands and read answers as a TPM's driver does. The test may use
    /// the TPM meanwhile: commands are executed one after another, whoever sends them, at ``locality``. A client whose
    /// command is not answered, for the power is gone, is disconnected.
    ///
    /// - Parameter address: a free port of this machine unless told. A Unix socket's file is made, and is gone when the
    ///   TPM is served no more.
    public func serve(at address: ListenAddress = .tcp(host: "127.0.0.1", port: 0)) throws(ListenError) -> ServedTPM {
        try ServedTPM(self, at: address)
    }
}
