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
    /// Of a DSAP session alone.
    var delegation: DelegatePublic?

    init() {}

    init(_ session: AuthSession) {
        handle = session.handle
        nonceEven = session.nonceEven
        guard let binding = session.binding else { return }
        sharedSecret = binding.sharedSecret
        delegation = binding.delegation
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
        return AuthSession.Binding(
            entity: entity, sharedSecret: sharedSecret, scheme: scheme, delegation: delegation)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("handle", &handle)
        try coder.digest("nonceEven", &nonceEven)
        try coder.value("entityType", &entityType)
        try coder.uint32("entityValue", &entityValue)
        try coder.authData("sharedSecret", &sharedSecret)
        try coder.optional("delegation", &delegation)
    }
}

extension Execution {
    /// What tells the entity of a session apart from any other, and from itself under another secret: a key by its
    /// modulus, an area by its definition, a counter by its number. Keyed, as it stands in the clear. Nil when the
    /// entity is not there.
    func entityDigest(_ entity: Entity, _ secrets: BlobSecrets) throws(TPMResult) -> Digest? {
        let key = secrets.tpmProof
        switch entity {
        case .key(let handle):
            let loaded = handle == .srk ? state.permanent.ownership?.srk : state.keys[handle]
            return loaded.map { HMAC.authenticate(key: key, $0.key.pubKey.key, $0.usageAuth) }
        case .nv(let index):
            guard let area = state.permanent.nv.areas[index] else { return nil }
            return HMAC.authenticate(key: key, try area.pubInfo.encoded(), area.authValue)
        case .owner:
            return state.permanent.ownership.map { HMAC.authenticate(key: key, $0.ownerAuth) }
        case .counter(let countID):
            // No two counters ever have one number.
            guard let counter = try? state.permanent.counters.counter(countID) else { return nil }
            return HMAC.authenticate(key: key, countID, counter.authData)
        case .unbound:
            return nil
        }
    }

    /// The entity of a session that comes back (Part 3, 21.3 action 5.a.ii): TPM_RESOURCEMISSING when it is gone or has
    /// changed, TPM_BAD_HANDLE when it is a key and `handle` names another.
    ///
    /// - Parameter handle: the key's handle by now; nil takes any that it has. The SRK's never changes, so it does not
    ///   count for a session of the SRK.
    func entity(
        of binding: AuthSession.Binding, digest: Digest, named handle: UInt32?
    ) throws(TPMResult) -> Entity {
        guard let secrets = state.permanent.blobSecrets else { throw .badContext }
        guard case .key(let old) = binding.entity, old != .srk else {
            guard try entityDigest(binding.entity, secrets) == digest else { throw .resourceMissing }
            return binding.entity
        }
        var linked: [KeyHandle] = []
        for handle in state.keys.handles where try entityDigest(.key(handle), secrets) == digest {
            linked.append(handle)
        }
        guard let any = linked.contains(old) ? old : linked.first else { throw .resourceMissing }
        guard let handle else { return .key(any) }
        guard linked.contains(KeyHandle(rawValue: handle)) else { throw .badHandle }
        return .key(KeyHandle(rawValue: handle))
    }
}
