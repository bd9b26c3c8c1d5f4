import TPMCrypto
import TPMEngine

/// The forms in which the state of a TPM leaves the process and comes back.
enum StateBlob: UInt32, CaseIterable, CustomStringConvertible {
    /// What outlives power, but for the savestate.
    case permanent = 1
    /// All that a loss of power takes.
    case volatile = 2
    /// What TPM_SaveState kept.
    case savestate = 3

    var description: String {
        switch self {
        case .permanent: "permanent"
        case .volatile: "volatile"
        case .savestate: "savestate"
        }
    }

    /// The form of a TPM's state; empty when there is none.
    ///
    /// - Parameter wallTime: microseconds since 1970.
    func bytes(of tpm: TPM, at wallTime: UInt64) throws(StateFormatError) -> Secret {
        switch self {
        case .permanent: try tpm.state.serialisedPermanent()
        case .volatile: try tpm.serialisedVolatile(at: wallTime)
        case .savestate: try tpm.state.serialisedSaved() ?? Secret(count: 0)
        }
    }
}
