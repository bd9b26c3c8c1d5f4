import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

extension Delegations {
    /// Every bit that the type has but those of some ordinals.
    static func all(_ type: DelegateType, but ordinals: [Ordinal] = []) -> Delegations {
        Delegations(delegateType: type, type.ordinals.filter { !ordinals.contains($0) })
    }
}

extension OwnedTPM {
    /// The secret of every delegation that is made here.
    static let delegateAuth = Secret([UInt8](repeating: 0x77, count: 20))

    var delegationTables: DelegationTables { tpm.state.permanent.delegation }

    /// A new family, enabled unless told.
    func newFamily(_ label: UInt8 = 0x41, enabled: Bool = true) throws -> UInt32 {
        let owner = tpm.state.permanent.hasOwner ? ownerAuth : nil
        let id = try client.createFamily(label: label, owner: owner)
        if enabled { try client.setFamily(id, enabled: true, owner: owner) }
        return id
    }

    /// The public part of a delegation whose count is not right yet.
    static func info(
        _ permissions: Delegations, _ family: UInt32, pcrInfo: PCRInfoShort = PCRInfoShort()
    ) -> DelegatePublic {
        DelegatePublic(
            rowLabel: 0x52, pcrInfo: pcrInfo, permissions: permissions, familyID: family, verificationCount: 0)
    }

    /// A delegation of the owner's; ``delegateAuth`` is its secret.
    func ownerDelegation(
        _ permissions: Delegations, _ family: UInt32, pcrInfo: PCRInfoShort = PCRInfoShort(), increment: Bool = false
    ) throws -> DelegateOwnerBlob {
        try client.delegateOwner(
            Self.info(permissions, family, pcrInfo: pcrInfo), to: Self.delegateAuth, owner: ownerAuth,
            increment: increment)
    }

    func ownerDelegation(_ ordinals: Ordinal..., in family: UInt32) throws -> DelegateOwnerBlob {
        try ownerDelegation(Delegations(delegateType: .owner, ordinals), family)
    }

    /// A delegation of a loaded key's or the SRK's; ``delegateAuth`` is its secret.
    func keyDelegation(
        _ key: KeyHandle, _ permissions: Delegations, _ family: UInt32, pcrInfo: PCRInfoShort = PCRInfoShort()
    ) throws -> DelegateKeyBlob {
        try client.delegateKey(
            key, Self.info(permissions, family, pcrInfo: pcrInfo), to: Self.delegateAuth,
            keyAuth: key == .srk ? srkAuth : Self.keyAuth)
    }

    func dsap(_ blob: DelegateOwnerBlob, scheme: ADIPScheme = .xor, continues: Bool = true) throws -> Session {
        try client.dsap(blob, secret: Self.delegateAuth, scheme: scheme, continues: continues)
    }

    func dsap(row: UInt32, scheme: ADIPScheme = .xor) throws -> Session {
        try client.dsap(row: row, secret: Self.delegateAuth, scheme: scheme, continues: true)
    }

    func dsap(_ blob: DelegateKeyBlob, _ key: KeyHandle, continues: Bool = true) throws -> Session {
        try client.dsap(blob, key: key, secret: Self.delegateAuth, continues: continues)
    }

    func isOpen(_ session: Session) -> Bool { tpm.state.any.sessions[session.handle] != nil }

    /// The return code of a command that the owner authorizes and that changes nothing.
    func readsInternalPub(_ session: Session) -> TPMResult? {
        code(OwnerReadInternalPub.self, .init(keyHandle: .ek), session)
    }
}
