import TPMEngine
import TPMWire

/// What plays the firmware and sends TPM_Startup (Part 3, 3.2) when the server starts.
public enum StartupKind: String, CaseIterable, Sendable {
    /// TPM_Startup(ST_CLEAR).
    case clear
    /// TPM_Startup(ST_STATE): goes on from what TPM_SaveState kept.
    case state
    /// TPM_Startup(ST_DEACTIVATED): deactivated until the next start.
    case deactivated
    /// The first client sends it.
    case none
}

/// Why TPM_Startup was not sent, or failed, as a sentence.
public struct StartupError: Error, CustomStringConvertible {
    public let description: String
}

extension TPMInstance {
    package func startUp(_ kind: StartupKind) throws(StartupError) {
        let type: UInt8
        switch kind {
        case .none: return
        case .clear: type = 1
        case .state: type = 2
        case .deactivated: type = 3
        }
        // It goes on from a volatile state, and has had its TPM_Startup.
        guard awaitsStartup else { return note("The TPM was resumed: no TPM_Startup is sent.") }
        // The TPM would shut down until the next start.
        guard kind != .state || hasSavedState else {
            throw StartupError(
                description: "TPM_SaveState left nothing to go on from: start the TPM with a clear startup instead.")
        }
        let result = perform([0x00, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, type])
        guard result == .success else {
            throw StartupError(description: "TPM_Startup failed (\(result)): the log says why.")
        }
    }
}
