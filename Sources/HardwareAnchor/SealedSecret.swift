import TPMCrypto
import TPMWire

/// A sealed secret as it is kept: what the TPM made of it, and which TPM and which configuration it is for, so that it
/// can be said why it does not open. Nothing of it is secret.
struct SealedSecret: WireStructure, Equatable {
    var identity = AnchorIdentity(ofQuotingKey: [])
    /// Nil when it opens in any configuration.
    var configuration: PCRConfiguration?
    /// TPM 1.2: empty. TPM 2.0: a TPM2B_PUBLIC.
    var publicPart: [UInt8] = []
    /// TPM 1.2: a TPM_STORED_DATA12. TPM 2.0: a TPM2B_PRIVATE.
    var privatePart: [UInt8] = []

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var bytes = identity.bytes
        try coder.fixed("identity", &bytes, count: SHA256.byteCount)
        if coder.isDecoding {
            guard let identity = AnchorIdentity(bytes) else { throw .invalidStructure }
            self.identity = identity
        }
        try coder.sizedStructure("configuration", .u16("configurationSize"), &configuration)
        try coder.sized("publicPart", .u16("publicSize"), &publicPart)
        try coder.sized("privatePart", .u16("privateSize"), &privatePart)
    }

    /// Many times what a TPM makes of a secret; more might not fit into its buffer.
    private static let maximumPart = 1024

    func bytes() throws(AnchorError) -> [UInt8] { try AnchorFrame.sealed.wrap(self).bytes }

    /// A secret that the anchor with this identity sealed.
    static func decode(_ bytes: [UInt8], for identity: AnchorIdentity) throws(AnchorError) -> SealedSecret {
        let sealed: SealedSecret = try AnchorFrame.sealed.unwrap(Secret(bytes))
        guard sealed.identity == identity else {
            throw .otherHardware("The secret was sealed by the anchor \(sealed.identity), and this one is \(identity).")
        }
        guard sealed.publicPart.count <= maximumPart, sealed.privatePart.count <= maximumPart else {
            throw .damaged("The sealed secret is longer than a TPM makes one.")
        }
        return sealed
    }

    /// Refuses what is too short or too long for one of the TPMs, and a configuration of other PCRs than the hardware's.
    static func check(
        _ secret: Secret, _ configuration: PCRConfiguration?, _ algorithm: PCRAlgorithm
    ) throws(AnchorError) {
        guard AnchorLimit.sealedBytes.contains(secret.count) else {
            throw .unfit("A secret of \(secret.count) bytes cannot be sealed: seal a key of 1 to 128 bytes.")
        }
        guard let configuration else { return }
        guard configuration.algorithm == algorithm else {
            throw .unfit("The configuration is of \(configuration.algorithm) PCRs, and the TPM's are \(algorithm).")
        }
    }
}
