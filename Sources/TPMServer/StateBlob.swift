import TPMCrypto
import TPMEngine

extension Secret {
    /// Calls `body` with a copy of the bytes, which is wiped afterwards.
    func withArray<T, E: Error>(_ body: ([UInt8]) throws(E) -> T) throws(E) -> T {
        var copy = bytes
        defer { wipe(&copy) }
        return try body(copy)
    }
}

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
        case .volatile: try tpm.serialisedVolatile(wallTime: wallTime)
        case .savestate: try tpm.state.serialisedSaved() ?? Secret(count: 0)
        }
    }

    /// Throws unless the bytes are of this form, whole, and not of a newer version.
    func check(_ bytes: [UInt8]) throws(StateFormatError) {
        switch self {
        case .permanent: try StateFormat.permanent.check(bytes)
        case .volatile: try StateFormat.volatile.check(bytes)
        case .savestate: try StateFormat.saved.check(bytes)
        }
    }
}
