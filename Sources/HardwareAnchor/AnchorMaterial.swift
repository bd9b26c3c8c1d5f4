import TPMCrypto
import TPMWire

/// What an anchor needs at each start beside the hardware itself: its keys, which only that hardware can unwrap, where it
/// made its counter and its record, and the secret that the hardware asks for before it uses any of them.
///
/// Keep ``bytes`` in a file of mode 0600. Whoever has them and can send commands to the TPM can do what the anchor can;
/// whoever has them alone can do nothing.
public struct AnchorMaterial: Sendable, Equatable {
    var form = Form()

    init(_ form: Form) { self.form = form }

    /// - Throws: ``AnchorError/damaged(_:)``.
    public init(bytes: Secret) throws(AnchorError) { form = try AnchorFrame.material.unwrap(bytes) }

    public func bytes() throws(AnchorError) -> Secret { try AnchorFrame.material.wrap(form) }

    public var kind: AnchorHardware.Kind { form.kind }
    public var label: AnchorLabel { form.label }
    public var identity: AnchorIdentity { form.identity }
}

extension AnchorMaterial {
    struct Form: WireStructure, Equatable {
        var kind = AnchorHardware.Kind.software
        var label = AnchorLabel.usual
        var identity = AnchorIdentity(ofQuotingKey: [])
        /// The authorization of everything that the anchor made, as many random bytes as the hardware's digest has.
        var secret = Secret([])
        var quoting = WrappedKey()
        var receiving = WrappedKey()
        /// TPM 2.0: the key that the others are wrapped with.
        var parent = Parent()
        /// An NV index.
        var record: UInt32 = 0
        /// TPM 1.2: a counter's handle. TPM 2.0: an NV index.
        var counter: UInt32 = 0

        mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            var number = kind.number
            try coder.uint8("kind", &number)
            var label = label.bytes
            try coder.fixed("label", &label, count: 4)
            var identity = identity.bytes
            try coder.fixed("identity", &identity, count: SHA256.byteCount)
            if coder.isDecoding {
                guard let kind = AnchorHardware.Kind(number: number), let label = AnchorLabel(label),
                    let identity = AnchorIdentity(identity)
                else { throw .invalidStructure }
                (self.kind, self.label, self.identity) = (kind, label, identity)
            }
            try coder.sizedSecret("secret", .u16("secretSize"), &secret)
            try coder.structure("quoting", &quoting)
            try coder.structure("receiving", &receiving)
            try coder.structure("parent", &parent)
            try coder.uint32("record", &record)
            try coder.uint32("counter", &counter)
        }
    }

    /// A key as its TPM wrote it.
    struct WrappedKey: WireStructure, Equatable {
        /// TPM 1.2: a TPM_KEY12, with the encrypted part. TPM 2.0: a TPM2B_PUBLIC.
        var publicPart: [UInt8] = []
        /// TPM 2.0: a TPM2B_PRIVATE.
        var privatePart: [UInt8] = []

        mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("publicPart", .u16("publicSize"), &publicPart)
            try coder.sized("privatePart", .u16("privateSize"), &privatePart)
        }
    }

    struct Parent: WireStructure, Equatable {
        /// A TPM2B_NAME's bytes.
        var name: [UInt8] = []
        /// Where the TPM keeps it; 0 when it is made anew from its template at each start.
        var handle: UInt32 = 0

        mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("name", .u16("nameSize"), &name)
            try coder.uint32("handle", &handle)
        }
    }
}

extension AnchorHardware.Kind {
    /// The byte that stands for it.
    var number: UInt8 {
        switch self {
        case .software: 0
        case .tpm12: 1
        case .tpm20: 2
        }
    }

    init?(number: UInt8) {
        guard let kind = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = kind
    }
}
