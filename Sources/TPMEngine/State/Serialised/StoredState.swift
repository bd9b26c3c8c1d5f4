import TPMCrypto
import TPMWire

/// What of a TPM outlives power, field by field.
struct StoredState: StatePayload {
    static let format = StateFormat.permanent

    var version = format.version
    var flags = PermanentFlags()
    var ownership: StoredOwnership?
    var blobSecrets: BlobSecrets?
    var endorsementKey: StoredKey?
    var ekReset: StoredAuth?
    var operatorAuth: StoredAuth?
    var authDIR = Digest.zero
    var nv: [NVArea] = []
    var noOwnerNVWrite: UInt32 = 0
    var restrictDelegate = CMKDelegate()
    var daa: DAASecrets?
    var failedAuthorizations: UInt32 = 0
    var ownerEvict: [StoredSlot] = []
    var saved: StoredVolatile?
    // Version 2.
    var families: [FamilyTableEntry] = []
    var delegateRows: [StoredDelegateRow] = []
    var lastFamilyID: UInt32 = 0
    var auditMonotonicCounter: UInt32 = 0
    var ordinalAuditStatus: [StoredAuditStatus] = []
    var manuMaintPub: Pubkey?
    var counters: [MonotonicCounters.Counter] = []
    var counterMaximum: UInt32 = 0
    /// Of ``saved``.
    var savedCountID: UInt32 = 0
    // Version 3.
    /// Of ``saved``.
    var savedDisableResetLock = false

    init() {}

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("flags", &flags)
        try coder.optional("ownership", &ownership)
        try coder.optional("blobSecrets", &blobSecrets)
        try coder.optional("endorsementKey", &endorsementKey)
        try coder.optional("EKReset", &ekReset)
        try coder.optional("operatorAuth", &operatorAuth)
        try coder.digest("authDIR", &authDIR)
        try coder.list("nv", &nv)
        try coder.uint32("noOwnerNVWrite", &noOwnerNVWrite)
        try coder.value("restrictDelegate", &restrictDelegate)
        try coder.optional("daa", &daa)
        try coder.uint32("failedAuthorizations", &failedAuthorizations)
        try coder.list("ownerEvict", &ownerEvict)
        try coder.optional("saved", &saved)
        if version >= 2 {
            try coder.list("familyTable", &families)
            try coder.list("delegateTable", &delegateRows)
            try coder.uint32("lastFamilyID", &lastFamilyID)
            try coder.uint32("auditMonotonicCounter", &auditMonotonicCounter)
            try coder.list("ordinalAuditStatus", &ordinalAuditStatus)
            try coder.optional("manuMaintPub", &manuMaintPub)
            try coder.list("counters", &counters)
            try coder.uint32("counterMaximum", &counterMaximum)
            try coder.uint32("savedCountID", &savedCountID)
        }
        if version >= 3 { try coder.bool("savedDisableResetLock", &savedDisableResetLock) }
    }
}

extension StoredState {
    init(_ state: TPMState) throws(TPMResult) {
        try self.init(permanentOf: state)
        guard let kept = state.saved else { return }
        saved = try StoredVolatile(kept)
        savedCountID = kept.clear.countID
        savedDisableResetLock = kept.clear.disableResetLock
    }

    /// All but what TPM_SaveState kept.
    init(permanentOf state: TPMState) throws(TPMResult) {
        let permanent = state.permanent
        flags = permanent.flags
        if let owner = permanent.ownership { ownership = try StoredOwnership(owner) }
        blobSecrets = permanent.blobSecrets
        if let key = permanent.endorsementKey { endorsementKey = try StoredKey(key) }
        ekReset = permanent.ekReset.map { StoredAuth(auth: $0) }
        operatorAuth = permanent.operatorAuth.map { StoredAuth(auth: $0) }
        authDIR = permanent.authDIR
        nv = permanent.nv.areas.values.sorted { $0.pubInfo.nvIndex < $1.pubInfo.nvIndex }
        noOwnerNVWrite = permanent.noOwnerNVWrite
        restrictDelegate = permanent.restrictDelegate
        daa = permanent.daa
        failedAuthorizations = permanent.failedAuthorizations
        manuMaintPub = permanent.manuMaintPub
        ownerEvict = try StoredSlot.slots(of: state.keys) { $0.isOwnerEvict }
        families = permanent.delegation.families
        delegateRows = permanent.delegation.rows.sorted { $0.key < $1.key }.map {
            StoredDelegateRow(index: $0.key, row: $0.value)
        }
        lastFamilyID = permanent.delegation.lastFamilyID
        auditMonotonicCounter = permanent.auditMonotonicCounter
        ordinalAuditStatus = permanent.ordinalAuditStatus.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { StoredAuditStatus(ordinal: $0.key.rawValue, isAudited: $0.value) }
        counters = permanent.counters.counters
        counterMaximum = permanent.counters.maximum
    }

    /// The state that was stored. TPM_BAD_PARAMETER and the like when there can be no such state.
    func state() throws(TPMResult) -> TPMState {
        var state = TPMState()
        var permanent = PermanentState()
        permanent.flags = flags
        permanent.ownership = try ownership?.loaded()
        permanent.blobSecrets = blobSecrets
        permanent.endorsementKey = try endorsementKey?.loaded()
        permanent.ekReset = ekReset?.auth
        permanent.operatorAuth = operatorAuth?.auth
        permanent.authDIR = authDIR
        for area in nv {
            guard area.data.count == Int(area.pubInfo.dataSize), permanent.nv.available >= area.data.count,
                permanent.nv.areas.updateValue(area, forKey: area.pubInfo.nvIndex) == nil
            else { throw .badParameter }
        }
        permanent.noOwnerNVWrite = noOwnerNVWrite
        permanent.restrictDelegate = restrictDelegate
        permanent.daa = daa
        permanent.failedAuthorizations = failedAuthorizations
        permanent.delegation = try DelegationTables(
            families: families, rows: delegateRows.map { ($0.index, $0.row) }, lastFamilyID: lastFamilyID)
        permanent.auditMonotonicCounter = auditMonotonicCounter
        for status in ordinalAuditStatus {
            permanent.setAudited(Ordinal(rawValue: status.ordinal), status.isAudited)
        }
        permanent.manuMaintPub = manuMaintPub
        permanent.counters = try MonotonicCounters(counters: counters, maximum: counterMaximum)
        state.permanent = permanent
        state.keys = try StoredSlot.keys(ownerEvict)
        state.saved = try saved?.loaded()
        state.saved?.clear.countID = savedCountID
        state.saved?.clear.disableResetLock = savedDisableResetLock
        return state
    }

    var capacity: Int {
        let keys = 2 + ownerEvict.count
        return 4096 + keys * StoredKey.capacity + nv.reduce(0) { $0 + 256 + $1.data.count } + (saved?.capacity ?? 0)
    }
}

/// ``Ownership`` with the SRK as bytes.
struct StoredOwnership: WireStructure {
    var ownerAuth = Secret(count: Digest.byteCount)
    var srk = StoredKey()
    var delegateKey = Secret(count: AES.blockSize)

    init() {}

    init(_ ownership: Ownership) throws(TPMResult) {
        ownerAuth = ownership.ownerAuth
        srk = try StoredKey(ownership.srk)
        delegateKey = ownership.delegateKey
    }

    func loaded() throws(TPMResult) -> Ownership {
        Ownership(ownerAuth: ownerAuth, srk: try srk.loaded(), delegateKey: delegateKey)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.authData("ownerAuth", &ownerAuth)
        try coder.structure("srk", &srk)
        try coder.secret("delegateKey", &delegateKey, count: AES.blockSize)
    }
}

/// One secret of 20 bytes, where there may be none.
struct StoredAuth: WireStructure {
    var auth = Secret(count: Digest.byteCount)

    init() {}

    init(auth: Secret) { self.auth = auth }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.authData("auth", &auth)
    }
}

/// A row of the delegate table and where it stands.
struct StoredDelegateRow: WireStructure {
    var index: UInt32 = 0
    var row = DelegateTableRow()

    init() {}

    init(index: UInt32, row: DelegateTableRow) {
        self.index = index
        self.row = row
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("index", &index)
        try coder.structure("row", &row)
    }
}

/// Whether the use of one command is audited.
struct StoredAuditStatus: WireStructure {
    var ordinal: UInt32 = 0
    var isAudited = false

    init() {}

    init(ordinal: UInt32, isAudited: Bool) {
        self.ordinal = ordinal
        self.isAudited = isAudited
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("ordinal", &ordinal)
        try coder.bool("isAudited", &isAudited)
    }
}

extension BlobSecrets: WireStructure {
    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.authData("tpmProof", &tpmProof)
        try coder.secret("contextKey", &contextKey, count: AES.blockSize)
    }
}

extension DAASecrets: WireStructure {
    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.authData("tpmDAASeed", &tpmDAASeed)
        try coder.authData("daaProof", &daaProof)
        try coder.secret("daaBlobKey", &daaBlobKey, count: AES.blockSize)
    }
}

extension NVArea: WireStructure {
    public init() { self = .none }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("pubInfo", &pubInfo)
        try coder.authData("authValue", &authValue)
        try coder.sized("data", .u32("dataSize"), &data)
    }
}

extension MonotonicCounters.Counter: WireStructure {
    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("countID", &countID)
        try coder.structure("value", &value)
        try coder.authData("authData", &authData)
    }
}

extension FieldCoder {
    /// A structure that may be missing, after a byte that says so.
    mutating func optional<T: WireStructure>(_ name: StaticString, _ value: inout T?) throws(TPMResult) {
        var isPresent = value != nil
        try bool(name, &isPresent)
        guard isPresent else {
            value = nil
            return
        }
        var present = value ?? T()
        try structure(name, &present)
        value = present
    }

    /// Any number of structures, after their count of 4 bytes.
    mutating func list<T: WireStructure>(_ name: StaticString, _ values: inout [T]) throws(TPMResult) {
        guard var count = UInt32(exactly: values.count) else { throw .size }
        try uint32(name, &count)
        try array(name, &values, count: Int(count))
    }
}
