import TPMCrypto
import TPMWire

/// ``SavedState``, what TPM_SaveState keeps of the volatile state, as bytes; and that state itself.
struct StoredVolatile: WireStructure {
    /// False in the permanent format, which has the fields that came after its first version at its own end.
    var isWhole = false
    var flags = STClearFlags()
    /// One value a register.
    var pcrs: [StoredDigest] = []
    var contextNonceKey = Digest.zero
    var ownerReference = KeyHandle.owner
    var deferredPhysicalPresence: UInt32 = 0
    var nvLocks: [StoredLocks] = []
    var keys: [StoredSlot] = []
    var countID: UInt32 = 0
    var disableResetLock = false

    init() {}

    init(isWhole: Bool) { self.isWhole = isWhole }

    init(_ saved: SavedState, isWhole: Bool = false) throws(TPMResult) {
        self.isWhole = isWhole
        flags = saved.clear.flags
        pcrs = saved.clear.pcrs.values.map { StoredDigest(value: $0) }
        contextNonceKey = saved.clear.contextNonceKey
        ownerReference = saved.clear.ownerReference
        deferredPhysicalPresence = saved.clear.deferredPhysicalPresence
        nvLocks = saved.clear.nvLocks.sorted { $0.key < $1.key }.map { StoredLocks(index: $0.key, locks: $0.value) }
        keys = try StoredSlot.slots(of: saved.keys) { _ in true }
        countID = saved.clear.countID
        disableResetLock = saved.clear.disableResetLock
    }

    func loaded() throws(TPMResult) -> SavedState {
        var clear = ClearState()
        clear.flags = flags
        clear.pcrs = try PCRBank(values: pcrs.map(\.value))
        clear.contextNonceKey = contextNonceKey
        clear.ownerReference = ownerReference
        clear.deferredPhysicalPresence = deferredPhysicalPresence
        for locks in nvLocks { clear.nvLocks[locks.index] = locks.locks }
        clear.countID = countID
        clear.disableResetLock = disableResetLock
        return SavedState(clear: clear, keys: try StoredSlot.keys(keys))
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("flags", &flags)
        try coder.list("PCRs", &pcrs)
        try coder.digest("contextNonceKey", &contextNonceKey)
        try coder.value("ownerReference", &ownerReference)
        try coder.uint32("deferredPhysicalPresence", &deferredPhysicalPresence)
        try coder.list("nvLocks", &nvLocks)
        try coder.list("keys", &keys)
        guard isWhole else { return }
        try coder.uint32("countID", &countID)
        try coder.bool("disableResetLock", &disableResetLock)
    }

    /// More than the encoding takes, in bytes.
    var capacity: Int { 4096 + nvLocks.count * 16 + keys.count * StoredKey.capacity }

    /// The state that was stored, of a TPM whose permanent state is that of `state`. TPM_BAD_PARAMETER when it would
    /// change the owner-evict keys, which belong to the permanent state.
    func loaded(beside state: TPMState) throws(TPMResult) -> SavedState {
        guard keys.filter(\.isOwnerEvict) == (try StoredSlot.slots(of: state.keys) { $0.isOwnerEvict }) else {
            throw .badParameter
        }
        return try loaded()
    }
}

/// One digest or nonce.
struct StoredDigest: WireStructure {
    var value = Digest.zero

    init() {}

    init(value: Digest) { self.value = value }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.digest("value", &value)
    }
}

/// The locks of one NV area.
struct StoredLocks: WireStructure {
    var index: UInt32 = 0
    var locks = NVLocks()

    init() {}

    init(index: UInt32, locks: NVLocks) {
        self.index = index
        self.locks = locks
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("nvIndex", &index)
        try coder.bool("bReadSTClear", &locks.bReadSTClear)
        try coder.bool("bWriteSTClear", &locks.bWriteSTClear)
    }
}

/// A loaded key with the handle that it keeps.
struct StoredSlot: WireStructure, Equatable {
    var handle = KeyHandle()
    var isOwnerEvict = false
    var key = StoredKey()

    init() {}

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("handle", &handle)
        try coder.bool("isOwnerEvict", &isOwnerEvict)
        try coder.structure("key", &key)
    }

    static func slots(
        of keys: KeySlots, where isIncluded: (KeySlots.Slot) -> Bool
    ) throws(TPMResult) -> [StoredSlot] {
        var stored: [StoredSlot] = []
        for slot in keys.slots where isIncluded(slot) {
            var item = StoredSlot()
            item.handle = slot.handle
            item.isOwnerEvict = slot.isOwnerEvict
            item.key = try StoredKey(slot.key)
            stored.append(item)
        }
        return stored
    }

    /// TPM_BAD_HANDLE when two keys have one handle, TPM_NOSPACE when they are too many.
    static func keys(_ stored: [StoredSlot]) throws(TPMResult) -> KeySlots {
        var keys = KeySlots()
        for item in stored {
            let handle = try keys.add(
                try item.key.loaded(), start: item.handle.rawValue, isOwnerEvict: item.isOwnerEvict)
            guard handle == item.handle else { throw .badHandle }
        }
        return keys
    }
}
