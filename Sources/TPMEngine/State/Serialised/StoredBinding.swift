import TPMCrypto
import TPMWire

/// Which permanent state other parts of a TPM's state belong to: their handles, counters and locks mean something
/// beside that one alone.
struct StoredBinding: WireStructure, Equatable {
    /// The version of ``StateFormat/permanent`` in which the digest was made, so that a later program can make it again.
    private var version: UInt32 = 0
    /// Of the permanent state's payload, without what TPM_SaveState kept.
    private var digest = Digest.zero

    init() {}

    init(to state: TPMState, version: UInt32 = StateFormat.permanent.version) throws(TPMResult) {
        self.version = version
        var stored = try StoredState(permanentOf: state)
        stored.version = version
        digest = SHA1.hash(try stored.encodedSecret(reserving: stored.capacity))
    }

    /// Throws unless this is the state that it was made for.
    func check(_ state: TPMState) throws(StateFormatError) {
        let newest = StateFormat.permanent.version
        guard version <= newest else { throw .newer(version: version) }
        guard version >= 1 else { throw .damaged }
        let actual = try StateFormatError.unwritable.unless { () throws(TPMResult) in
            try StoredBinding(to: state, version: version)
        }
        guard self == actual else { throw .otherState }
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("version", &version)
        try coder.digest("digest", &digest)
    }
}
