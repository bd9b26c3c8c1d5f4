import TPMCrypto
import TPMWire

/// A key with its private part, ready for use.
public struct LoadedKey: Sendable {
    /// The public part; encData is empty.
    public let key: Key
    public let payload: PayloadType
    public var usageAuth: Secret
    public var migrationAuth: Secret
    public let privateKey: RSAPrivateKey
    /// True when a key above it was bound to PCRs (Part 3, 10.5).
    public var parentPCRStatus = false

    /// A storage key, the only kind that may wrap keys and seal data.
    var isStorage: Bool { key.keyUsage == .storage }
    var isMigratable: Bool { key.keyFlags.contains(.migratable) }
    /// True when the key is bound to some PCR.
    var isUsingPCRs: Bool { key.pcrInfo.short.map { !$0.pcrSelection.isEmpty } ?? false }

    /// TPM_STORE_ASYMKEY, what the encrypted part of the blob holds (Part 2, 10.6).
    func sensitivePart() throws(TPMResult) -> StoreAsymkey {
        StoreAsymkey(
            payload: payload, usageAuth: usageAuth, migrationAuth: migrationAuth,
            pubDataDigest: SHA1.hash(try key.publicPart()), privKey: StorePrivkey(key: privateKey.prime))
    }
}

/// The keys in the TPM by handle, at most ``capacity`` of them.
public struct KeySlots: Sendable {
    public static let capacity = 20

    struct Slot: Sendable {
        let handle: KeyHandle
        var key: LoadedKey
        /// TPM_KEY_CONTROL_OWNER_EVICT: stays over every start until the owner lets it go (Part 3, 21.1).
        var isOwnerEvict = false
    }

    private(set) var slots: [Slot] = []

    public init() {}

    /// Handles in the order of loading.
    public var handles: [KeyHandle] { slots.map(\.handle) }

    /// The handles of the owner-evict keys.
    var ownerEvict: [KeyHandle] { slots.filter(\.isOwnerEvict).map(\.handle) }

    var freeCount: Int { Self.capacity - slots.count }

    public subscript(handle: KeyHandle) -> LoadedKey? { slot(handle)?.key }

    func slot(_ handle: KeyHandle) -> Slot? { slots.first { $0.handle == handle } }

    /// Puts a key into a slot, or throws TPM_NOSPACE. The handle is the first free one at or after `start` that is
    /// not reserved (Part 2, 4.4).
    @discardableResult
    mutating func add(_ key: LoadedKey, start: UInt32, isOwnerEvict: Bool = false) throws(TPMResult) -> KeyHandle {
        guard freeCount > 0 else { throw .noSpace }
        var handle = KeyHandle(rawValue: start)
        while handle.rawValue == 0 || handle.isReserved || self[handle] != nil {
            // Past the reserved handles in one step: there are 16 million.
            handle.rawValue = handle.isReserved ? 0x4100_0000 : handle.rawValue &+ 1
        }
        slots.append(Slot(handle: handle, key: key, isOwnerEvict: isOwnerEvict))
        return handle
    }

    mutating func setOwnerEvict(_ handle: KeyHandle, _ value: Bool) {
        guard let index = slots.firstIndex(where: { $0.handle == handle }) else { return }
        slots[index].isOwnerEvict = value
    }

    /// Removes a key; false when there is none of that handle.
    mutating func remove(_ handle: KeyHandle) -> Bool {
        guard let index = slots.firstIndex(where: { $0.handle == handle }) else { return false }
        slots.remove(at: index)
        return true
    }

    /// Keeps the owner-evict keys only: what is in the TPM when power comes back.
    mutating func keepOwnerEvict() { slots.removeAll { !$0.isOwnerEvict } }

    mutating func removeAll(where shouldRemove: (Slot) -> Bool) { slots.removeAll(where: shouldRemove) }
}
