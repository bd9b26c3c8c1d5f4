import TPMClient
import TPMServer

/// A way to a TPM 1.2 of this program in this process. Its PCRs begin anew with each process, and nothing measures into
/// them.
final class SoftwareTransport: Transport {
    private let tpm: EmbeddedTPM

    init(_ tpm: EmbeddedTPM) { self.tpm = tpm }

    func transmit(_ command: [UInt8]) throws -> [UInt8] {
        do { return try tpm.execute(command) } catch { throw AnchorError.unreachable("\(error)") }
    }
}

extension EmbeddedTPM {
    /// The TPM whose state a directory holds, which no other process can use meanwhile; a new one in an empty directory,
    /// which is made when its parent is there.
    convenience init(directory: String) throws(AnchorError) {
        do { try self.init(store: try StateDirectory(directory)) } catch { throw .unreachable("\(error)") }
    }
}
