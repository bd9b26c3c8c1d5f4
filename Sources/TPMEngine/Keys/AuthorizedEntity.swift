import TPMCrypto
import TPMWire

/// The encrypted part of an entity that lives outside the TPM, opened to give it another secret (Part 3, 17.1 and
/// 27.4.2).
enum AuthorizedEntity {
    case key(StoreAsymkey)
    case data(SealedData)

    /// TPM_WRONG_ENTITYTYPE for another type than those two.
    static func checkKind(_ type: EntityType) throws(TPMResult) -> EntityKind {
        guard let kind = type.plainKind, kind == .data || kind == .key else { throw .wrongEntityType }
        return kind
    }

    /// Whatever does not decode, or holds something else, is TPM_INVALID_STRUCTURE (Part 3, 17.1 action 10.a).
    init(_ kind: EntityKind, _ plain: Secret) throws(TPMResult) {
        if kind == .key {
            let key = try Self.decode(StoreAsymkey.self, plain)
            guard [.asym, .migrateRestricted, .migrateExternal].contains(key.payload) else { throw .invalidStructure }
            self = .key(key)
        } else {
            let data = try Self.decode(SealedData.self, plain)
            guard data.payload == .seal else { throw .invalidStructure }
            self = .data(data)
        }
    }

    var auth: Secret {
        get {
            switch self {
            case .key(let key): key.usageAuth
            case .data(let data): data.authData
            }
        }
        set {
            switch self {
            case .key(var key):
                key.usageAuth = newValue
                self = .key(key)
            case .data(var data):
                data.authData = newValue
                self = .data(data)
            }
        }
    }

    func encodedSecret() throws(TPMResult) -> Secret {
        switch self {
        case .key(let key): try key.encodedSecret()
        case .data(let data): try data.encodedSecret()
        }
    }

    private static func decode<T: WireStructure>(_ type: T.Type, _ plain: Secret) throws(TPMResult) -> T {
        do throws(TPMResult) { return try WireDecoder.decode(type, from: plain) } catch { throw .invalidStructure }
    }
}
