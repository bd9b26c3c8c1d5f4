import TPMWire

/// Why bytes are no state of a TPM, or not the one that is needed.
public enum StateFormatError: Error, Equatable, CustomStringConvertible {
    /// They do not begin as a state does.
    case foreign
    /// They are another part of a TPM's state than the one that is needed.
    case otherFormat(StateFormat, needed: StateFormat)
    /// They were cut short, changed, or hold what no TPM can be in.
    case damaged
    /// They were written by a newer version of the program.
    case newer(version: UInt32)
    /// They belong to another TPM, or to one whose permanent state has changed since.
    case otherState
    /// The state cannot be written; it never happens to one that a TPM can be in.
    case unwritable

    public var description: String {
        switch self {
        case .foreign: "is not the state of a TPM of this program"
        case .otherFormat(let found, let needed): "is the \(found) state of a TPM, not its \(needed) state"
        case .damaged: "is damaged: its integrity check fails"
        case .newer(let version):
            "has the state format \(version), which is newer than the newest that this program reads"
        case .otherState: "belongs to another state of the TPM, or an older one"
        case .unwritable: "cannot be written as bytes"
        }
    }

    /// What `body` makes; whatever goes wrong in it is this error.
    func unless<T>(_ body: () throws(TPMResult) -> T) throws(StateFormatError) -> T {
        do throws(TPMResult) { return try body() } catch { throw self }
    }
}
