import TPMCrypto
import TPMWire

/// An authorization session as bytes, for its context.
struct StoredSession: WireStructure {
    var handle: UInt32 = 0
    var nonceEven = Digest.zero
    /// A TPM_ENTITY_TYPE with its scheme; 0 for an OIAP session.
    var entityType = EntityType(rawValue: 0)
    var entityValue: UInt32 = 0
    var sharedSecret = Secret(count: Digest.byteCount)

    init() {}

    init(_ session: AuthSession) {
        handle = session.handle
        nonceEven = session.nonceEven
        guard let binding = session.binding else { return }
        sharedSecret = binding.sharedSecret
        let (kind, value): (EntityKind, UInt32) =
            switch binding.entity {
            case .key(let handle): (.keyHandle, handle.rawValue)
            case .nv(let index): (.nv, index)
            case .counter(let id): (.counter, id)
            case .owner, .unbound: (.owner, 0)
            }
        entityType = EntityType(scheme: binding.scheme, kind: kind)
        entityValue = value
    }

    /// TPM_BADCONTEXT when the entity is none that a session can be bound to.
    func binding() throws(TPMResult) -> AuthSession.Binding? {
        guard entityType.rawValue != 0 else { return nil }
        guard let scheme = entityType.scheme else { throw .badContext }
        let entity: Entity
        switch entityType.kind {
        case .keyHandle: entity = .key(KeyHandle(rawValue: entityValue))
        case .nv: entity = .nv(entityValue)
        case .counter: entity = .counter(entityValue)
        case .owner: entity = .owner
        default: throw .badContext
        }
        return AuthSession.Binding(entity: entity, sharedSecret: sharedSecret, scheme: scheme)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("handle", &handle)
        try coder.digest("nonceEven", &nonceEven)
        try coder.value("entityType", &entityType)
        try coder.uint32("entityValue", &entityValue)
        try coder.authData("sharedSecret", &sharedSecret)
    }
}

extension Execution {
    /// What tells the entity of a session apart from any other: a key by its modulus, an area by its definition. Zero
    /// for the owner, nil when the entity is not there.
    func entityDigest(_ entity: Entity) throws(TPMResult) -> Digest? {
        switch entity {
        case .key(let handle):
            let key = handle == .srk ? state.permanent.ownership?.srk : state.keys[handle]
            return key.map { SHA1.hash($0.key.pubKey.key) }
        case .nv(let index):
            guard let area = state.permanent.nv.areas[index] else { return nil }
            return SHA1.hash(try area.pubInfo.encoded())
        case .owner:
            return state.permanent.hasOwner ? .zero : nil
        case .counter, .unbound:
            return nil
        }
    }
}
