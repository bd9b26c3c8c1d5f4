import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

/// A guest's TPM as its maker ships it.
enum NewTPM {
    /// The permanent state of a TPM that has an endorsement key and nothing else.
    static func make(_ environment: Environment) throws(ManagerError) -> Secret {
        var tpm = TPM(state: TPMState(), environment: environment)
        tpm.initialize()
        do {
            let client = TPMClient(InProcessTransport { tpm.execute($0).response })
            _ = try client.execute(Startup.self, .init(.clear))
            _ = try client.createEndorsementKey()
            return try tpm.state.serialised()
        } catch { throw ManagerError(.failed, "No TPM could be made: \(error).") }
    }
}
