import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

/// The permission tables of Part 2, 20.2.1 to 20.2.4: each bit lets its command through and no other bit does.
@Suite struct DelegationPermissionTests {
    // MARK: The rule, for every ordinal there is

    /// What the engine answers an ordinal without operands that an OSAP session of an entity authorizes, when the
    /// session is one of a delegation.
    private func authorize(
        _ ordinal: Ordinal, as entity: Entity, by permissions: Delegations, on tpm: OwnedTPM
    ) throws -> TPMResult {
        var state = tpm.tpm.state
        let shared = Secret([UInt8](repeating: 3, count: 20))
        let opened = try state.any.sessions.open(
            nonceEven: .zero, start: 9,
            binding: .init(
                entity: entity, sharedSecret: shared, scheme: .xor, delegation: OwnedTPM.info(permissions, 1)))
        var trailer = AuthRequest()
        trailer.authHandle = opened.handle
        trailer.auth = HMAC.authenticate(
            key: shared, SHA1.hash(ordinal.rawValue), opened.nonceEven, trailer.nonceOdd, UInt8(0))
        var execution = Execution(
            state: state, environment: tpm.tpm.environment,
            row: try #require(OrdinalTable.row(for: ordinal)), arrival: .zero)
        do throws(TPMResult) {
            try execution.authorization.begin(ordinal, trailers: try trailer.encoded()[...])
            if entity == .owner { try execution.authorizeOwner() } else { _ = try execution.useKey(.srk, at: .first) }
            return .success
        } catch {
            return error
        }
    }

    @Test(arguments: DelegateType.allCases) func aBitIsNeededAndEnough(_ type: DelegateType) throws {
        let tpm = OwnedTPM()
        let entity: Entity = type == .owner ? .owner : .key(.srk)
        for row in OrdinalTable.rows {
            let ordinal = row.ordinal
            let canBe = type.ordinals.contains(ordinal)
            let only = try authorize(ordinal, as: entity, by: Delegations(delegateType: type, [ordinal]), on: tpm)
            #expect(only == (canBe ? .success : .disabledCmd), "\(row.name) with its bit only")
            let others = try authorize(ordinal, as: entity, by: .all(type, but: [ordinal]), on: tpm)
            #expect(others == .disabledCmd, "\(row.name) with every bit but its own")
            // The other table's bits count for nothing, wherever they came from.
            let foreign: DelegateType = type == .owner ? .key : .owner
            let wrong = try authorize(
                ordinal, as: entity, by: Delegations(delegateType: foreign, per1: .max), on: tpm)
            #expect(wrong == .disabledCmd, "\(row.name) with the bits of another entity")
        }
    }

    // MARK: The commands

    /// How a delegation of the owner's gets to authorize a command.
    enum Means: CaseIterable {
        case blob, row, ownerPointerWithOSAP, ownerPointerWithOIAP
    }

    private func session(_ means: Means, _ permissions: Delegations, _ family: UInt32, on tpm: OwnedTPM) throws
        -> Session
    {
        let blob = try tpm.ownerDelegation(permissions, family)
        if means == .blob { return try tpm.dsap(blob) }
        try tpm.client.load(blob, row: 1, owner: tpm.ownerAuth)
        if means == .row { return try tpm.dsap(row: 1) }
        try tpm.client.setOwnerPointer(row: 1)
        return means == .ownerPointerWithOSAP
            ? try tpm.client.osap(.owner, secret: OwnedTPM.delegateAuth, continues: true)
            : try tpm.client.oiap(OwnedTPM.delegateAuth, continues: true)
    }

    @Test(arguments: Means.allCases) func theOwnersCommandsAreDelegatedOneByOne(_ means: Means) throws {
        for (ordinal, command) in OwnerCommands.all {
            if means == .ownerPointerWithOIAP, OwnerCommands.hiding.contains(ordinal) { continue }
            let name = try #require(OrdinalTable.row(for: ordinal)).name
            for isIncluded in [true, false] {
                let tpm = OwnedTPM()
                let family = try tpm.newFamily()
                let prepared = try command.prepare(tpm, family)
                let permissions =
                    isIncluded ? Delegations(delegateType: .owner, [ordinal]) : .all(.owner, but: [ordinal])
                let session = try session(means, permissions, family, on: tpm)
                let before = tpm.tpm.state.permanent
                let result = tpm.result { try command.run(tpm, prepared, session) }
                #expect(result == (isIncluded ? .success : .disabledCmd), "\(name), \(means), bit \(isIncluded)")
                if !isIncluded {
                    #expect(before.fingerprint == tpm.tpm.state.permanent.fingerprint, "\(name) left a trace")
                    #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
                    // An error ends the session (Part 3, 18.3 description 7.a).
                    #expect(!tpm.isOpen(session))
                }
            }
        }
    }

    @Test func theUsesOfAKeyAreDelegatedOneByOne() throws {
        for (ordinal, command) in KeyCommands.all {
            let name = try #require(OrdinalTable.row(for: ordinal)).name
            for isIncluded in [true, false] {
                let tpm = OwnedTPM()
                let family = try tpm.newFamily()
                let (key, prepared) = try command.prepare(tpm, family)
                let permissions = isIncluded ? Delegations(delegateType: .key, [ordinal]) : .all(.key, but: [ordinal])
                let session = try tpm.dsap(try tpm.keyDelegation(key, permissions, family), key)
                let result = tpm.result { try command.run(tpm, key, prepared, session) }
                #expect(result == (isIncluded ? .success : .disabledCmd), "\(name), bit \(isIncluded)")
                if !isIncluded { #expect(!tpm.isOpen(session)) }
            }
        }
    }

    @Test func everyBitIsTriedWithItsCommand() {
        #expect(Set(OwnerCommands.all.keys).isDisjoint(with: OwnerCommands.elsewhere))
        #expect(Set(OwnerCommands.all.keys).union(OwnerCommands.elsewhere) == Set(DelegateType.owner.ordinals))
        #expect(Set(KeyCommands.all.keys).isDisjoint(with: KeyCommands.elsewhere))
        #expect(Set(KeyCommands.all.keys).union(KeyCommands.elsewhere) == Set(DelegateType.key.ordinals))
    }

    @Test func whatCannotBeDelegatedIsNotThoughEveryBitIsSet() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(.all(.owner), family)
        let changing = try tpm.dsap(blob)
        let request = ChangeAuthOwner.Request(
            newAuth: try changing.hide(OwnedTPM.keyAuth), entityType: EntityType(kind: .owner))
        #expect(tpm.code(ChangeAuthOwner.self, request, changing) == .disabledCmd)
        #expect(tpm.code(GetCapabilityOwner.self, .init(), try tpm.dsap(blob)) == .disabledCmd)
        #expect(tpm.code(CMKSetRestrictions.self, .init(restriction: .signing), try tpm.dsap(blob)) == .disabledCmd)
        #expect(tpm.tpm.state.permanent.restrictDelegate == [])
        #expect(tpm.tpm.state.permanent.ownership?.ownerAuth == tpm.ownerAuth)
    }

    /// The restrictions of certified migration keys are the owner's (Part 2, 20.2.2).
    @Test func aDelegateSetsOtherCapabilitiesButNotWhatRestrictsDelegates() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(.setCapability, in: try tpm.newFamily())
        let request = SetCapability.Request(
            capArea: SetCapabilityArea.permData.rawValue, subCap: be32(PermanentDataField.restrictDelegate.rawValue),
            setValue: be32(CMKDelegate.signing.rawValue))
        #expect(tpm.code(SetCapability.self, request, try tpm.dsap(blob)) == .disabledCmd)
        #expect(tpm.tpm.state.permanent.restrictDelegate == [])
        #expect(tpm.code(SetCapability.self, request, try tpm.ownerSession()) == .success)
        #expect(tpm.tpm.state.permanent.restrictDelegate == .signing)
    }

    /// Part 3, 11.5 description 1.
    @Test(
        arguments: [
            (KeyUsage.signing, CMKDelegate.signing), (.storage, .storage), (.bind, .bind), (.legacy, .legacy),
            (.migrate, .migrate),
        ])
    func aCertifiedMigrationKeyIsUsedByADelegateAsTheOwnerAllows(
        _ usage: KeyUsage, _ restriction: CMKDelegate
    ) throws {
        let tpm = OwnedTPM()
        let pair = try TestKeyPairs(startingAt: 5).keyPair(bits: 2048, exponent: 65537)
        let key = try tpm.load(
            try tpm.wrapped(
                OwnedTPM.template(usage, flags: [.migratable, .migrateAuthority]), modulus: pair.modulus,
                prime: pair.p.bytes, payload: .migrateRestricted))
        let blob = try tpm.keyDelegation(key, .all(.key), try tpm.newFamily())
        func read(_ session: Session) -> TPMResult? { tpm.code(GetPubKey.self, .init(keyHandle: key), session) }
        #expect(read(try tpm.dsap(blob, key)) == .invalidKeyUsage)
        #expect(read(try tpm.keySession()) == .success)
        tpm.tpm.state.permanent.restrictDelegate = restriction
        #expect(read(try tpm.dsap(blob, key)) == .success)
        tpm.tpm.state.permanent.restrictDelegate = CMKDelegate.defined.subtracting(restriction)
        #expect(read(try tpm.dsap(blob, key)) == .invalidKeyUsage)
    }
}
