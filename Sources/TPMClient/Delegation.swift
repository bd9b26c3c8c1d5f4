import TPMCrypto
import TPMWire

/// Families and delegations (Part 1, 29). Where `owner` is nil, the TPM must not have an owner.
extension TPMClient {
    /// Makes a family, which is not enabled yet (Part 3, 19.1).
    ///
    /// - Returns: its TPM_FAMILY_ID.
    public func createFamily(label: UInt8, owner: Secret? = nil) throws -> UInt32 {
        let created = try execute(DelegateManage.self, .init(opCode: .create, opData: [label]), authorizedBy: owner)
        var decoder = WireDecoder(created.retData)
        var familyID: UInt32 = 0
        do throws(TPMResult) {
            try decoder.uint32("familyID", &familyID)
            try decoder.finish()
        } catch {
            throw ClientError.badResponse(.delegateManage)
        }
        return familyID
    }

    /// Lets the delegations of a family be used, or no more.
    public func setFamily(_ familyID: UInt32, enabled: Bool, owner: Secret? = nil) throws {
        try manage(familyID, .enable, [enabled ? 1 : 0], owner)
    }

    /// Keeps a family from changes while there is no owner, or no more.
    public func setFamily(_ familyID: UInt32, locked: Bool, owner: Secret? = nil) throws {
        try manage(familyID, .admin, [locked ? 1 : 0], owner)
    }

    /// Drops a family and with it its delegations.
    public func invalidateFamily(_ familyID: UInt32, owner: Secret? = nil) throws {
        try manage(familyID, .invalidate, [], owner)
    }

    private func manage(_ familyID: UInt32, _ operation: FamilyOperation, _ data: [UInt8], _ owner: Secret?) throws {
        try execute(
            DelegateManage.self, .init(familyID: familyID, opCode: operation, opData: data), authorizedBy: owner)
    }

    /// Delegates some of the owner's commands to who knows `secret` (Part 3, 19.3).
    ///
    /// - Parameter increment: whether all other delegations of the family end.
    public func delegateOwner(
        _ publicInfo: DelegatePublic, to secret: Secret, owner: Secret, increment: Bool = false
    ) throws -> DelegateOwnerBlob {
        try withOSAP(.owner, secret: owner) { session in
            let request = DelegateCreateOwnerDelegation.Request(
                increment: increment, publicInfo: publicInfo, delAuth: try session.hide(secret))
            guard let blob = try execute(DelegateCreateOwnerDelegation.self, request, session).blob else {
                throw ClientError.badResponse(.delegateCreateOwnerDelegation)
            }
            return blob
        }
    }

    /// Delegates some uses of a loaded key to who knows `secret` (Part 3, 19.2).
    public func delegateKey(
        _ key: KeyHandle, _ publicInfo: DelegatePublic, to secret: Secret, keyAuth: Secret
    ) throws -> DelegateKeyBlob {
        try withOSAP(.keyHandle, key.rawValue, secret: keyAuth) { session in
            let request = DelegateCreateKeyDelegation.Request(
                keyHandle: key, publicInfo: publicInfo, delAuth: try session.hide(secret))
            guard let blob = try execute(DelegateCreateKeyDelegation.self, request, session).blob else {
                throw ClientError.badResponse(.delegateCreateKeyDelegation)
            }
            return blob
        }
    }

    /// Writes a delegation into a row of the delegate table (Part 3, 19.4).
    public func load(_ delegation: DelegateOwnerBlob, row: UInt32, owner: Secret? = nil) throws {
        try execute(DelegateLoadOwnerDelegation.self, .init(index: row, blob: delegation), authorizedBy: owner)
    }

    /// What both tables tell everybody (Part 3, 19.5).
    public func delegations() throws -> (families: [FamilyTableEntry], rows: [DelegatePublicRow]) {
        let read = try execute(DelegateReadTable.self, .init())
        return (read.familyTable?.famTableRow ?? [], read.delegateTable?.rows ?? [])
    }

    /// The secret that stands for the owner's in sessions of OIAP and OSAP: that of a row, nil for the owner's own
    /// (Part 3, 18.4).
    public func setOwnerPointer(row: UInt32?) throws {
        try execute(
            SetOwnerPointer.self,
            .init(entityType: EntityType(kind: row == nil ? .owner : .delRow), entityValue: row ?? 0))
    }

    /// Opens a session by a delegation of the owner's (Part 3, 18.3).
    public func dsap(
        _ delegation: DelegateOwnerBlob, secret: Secret, scheme: ADIPScheme = .xor, continues: Bool = false
    ) throws -> Session {
        try dsap(.delOwnerBlob, try delegation.encoded(), secret: secret, scheme: scheme, continues: continues)
    }

    /// Opens a session by a row of the delegate table (Part 3, 18.3).
    public func dsap(
        row: UInt32, secret: Secret, scheme: ADIPScheme = .xor, continues: Bool = false
    ) throws -> Session {
        let index = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: row >> $0) }
        return try dsap(.delRow, index, secret: secret, scheme: scheme, continues: continues)
    }

    /// Opens a session by a delegation of a loaded key's (Part 3, 18.3).
    public func dsap(
        _ delegation: DelegateKeyBlob, key: KeyHandle, secret: Secret, scheme: ADIPScheme = .xor,
        continues: Bool = false
    ) throws -> Session {
        try dsap(
            .delKeyBlob, try delegation.encoded(), key: key, secret: secret, scheme: scheme, continues: continues)
    }

    private func dsap(
        _ kind: EntityKind, _ value: [UInt8], key: KeyHandle = KeyHandle(), secret: Secret, scheme: ADIPScheme,
        continues: Bool
    ) throws -> Session {
        let nonceOddDSAP = try random.digest()
        let opened = try execute(
            DSAP.self,
            .init(
                entityType: EntityType(scheme: scheme, kind: kind), keyHandle: key, nonceOddDSAP: nonceOddDSAP,
                entityValue: value))
        let shared = HMAC.authenticate(key: secret, opened.nonceEvenDSAP, nonceOddDSAP)
        return Session(
            handle: opened.authHandle, nonceEven: opened.nonceEven, nonceOdd: try random.digest(),
            key: Secret(shared), scheme: scheme, continues: continues)
    }
}
