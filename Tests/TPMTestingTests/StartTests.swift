import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine
@testable import TPMTesting

/// The states in which a TPM begins.
@Suite struct StartTests {
    private static let owner = KnownSecrets().owner

    @Test func aFactoryTPMHasNoKeyAndNoOwner() throws {
        let client = try TestTPM(.factory).client
        try expectResult(.noEndorsement) { try client.endorsementKey() }
        #expect(try !client.hasOwner())
        try client.createEndorsementKey()
        try client.takeOwnership(owner: Self.owner)
        #expect(try client.hasOwner())
    }

    @Test func anEndorsedTPMCanBeOwned() throws {
        let client = try TestTPM(.endorsed).client
        #expect(try client.endorsementKey().pubKey.key.count == 256)
        #expect(try !client.hasOwner())
        try client.takeOwnership(owner: Self.owner)
    }

    @Test func anOwnedTPMSealsWithTheKnownSecrets() throws {
        var others = KnownSecrets()
        others.srk = Secret(Digest(repeating: 7))
        others.owner = Secret(Digest(repeating: 8))
        for secrets in [KnownSecrets(), others] {
            let tpm = try TestTPM(.owned, secrets: secrets)
            let blob = try tpm.client.seal(Secret([1, 2, 3]), keyAuth: secrets.srk)
            #expect(try tpm.client.unseal(blob, keyAuth: secrets.srk) == Secret([1, 2, 3]))
            _ = try tpm.client.storageRootKey(owner: secrets.owner)
        }
    }

    /// A random source that repeats gives both ways the same secrets, however much each draws. No command, no audit.
    @Test func whatIsMadeIsWhatTheCommandsMake() throws {
        let factory = try #require(try TestTPM(.factory).state)
        var made = TPM(state: factory, environment: Self.repeatingWorld())
        try made.createEndorsementKey()
        try made.takeOwnership(owner: Self.owner, srk: .wellKnown)
        var commanded = TPM(state: factory, environment: Self.repeatingWorld())
        let client = TPMClient(InProcessTransport { commanded.execute($0).response })
        try client.createEndorsementKey()
        try client.takeOwnership(owner: Self.owner)
        let difference = Difference.between(Described(made), Described(commanded), place: "the TPM")
        #expect(difference?.place == "the TPM, permanent.auditMonotonicCounter")
        #expect(difference?.others == ["any.auditDigest"])
    }

    private static func repeatingWorld() -> Environment {
        let random = TestRandom(seed: [])
        random.fault = .repeats
        return Environment(random: random, clock: HandClock(), keyPairs: TestKeyPairs(seed: []))
    }

    @Test func keysOfEveryRoleAreLoaded() throws {
        let tpm = try TestTPM(.withKeys)
        let (client, auth) = (tpm.client, tpm.secrets.key)
        #expect(tpm.keys.map(\.role) == TestKey.Role.allCases)
        for role in [TestKey.Role.signing, .migratable] {
            let key = try tpm.key(role)
            let signature = try client.sign(Digest(repeating: 3), with: key.handle, auth: auth)
            #expect(try key.publicKey().verify(Digest(repeating: 3), signature: signature))
        }
        let binding = try tpm.key(.binding)
        let bound = try binding.publicKey().bind(Secret([5, 6]))
        #expect(try client.unbind(bound, with: binding.handle, auth: auth) == Secret([5, 6]))
        let storage = try tpm.key(.storage)
        let blob = try client.seal(Secret([7]), with: storage.handle, keyAuth: auth)
        #expect(try client.unseal(blob, with: storage.handle, keyAuth: auth) == Secret([7]))
        // A loss of power takes the handles, and the blobs bring the keys back.
        try tpm.powerCycle()
        try expectResult(.invalidKeyHandle) { try client.publicKey(storage.handle, auth: auth) }
        let handle = try client.load(storage.blob)
        #expect(try client.unseal(blob, with: handle, keyAuth: auth) == Secret([7]))
    }

    @Test func aTPMWithoutKeysSaysSo() throws {
        let tpm = try TestTPM(.owned)
        let error = #expect(throws: TestTPMError.self) { try tpm.key(.signing) }
        #expect("\(try #require(error))".contains("TestTPM(.withKeys)"))
    }

    @Test func aDisabledTPMIsDisabled() throws {
        let tpm = try TestTPM(.disabled)
        try expectResult(.disabled) { try tpm.client.seal(Secret([1])) }
        try tpm.powerCycle()
        try expectResult(.disabled) { try tpm.client.seal(Secret([1])) }
        #expect(try tpm.client.permanentFlags().disable)
    }

    @Test func aDeactivatedTPMStaysSo() throws {
        let tpm = try TestTPM(.deactivated)
        try expectResult(.deactivated) { try tpm.client.seal(Secret([1])) }
        try tpm.powerCycle()
        try expectResult(.deactivated) { try tpm.client.seal(Secret([1])) }
        try tpm.setPhysicalPresence(true)
        try tpm.client.execute(PhysicalSetDeactivated.self, .init(state: false))
        try tpm.powerCycle()
        _ = try tpm.client.seal(Secret([1]))
    }

    @Test func aLockedOutTPMWaitsForTheClock() throws {
        let tpm = try TestTPM(.lockedOut)
        try expectResult(.defendLockRunning) { try tpm.client.storageRootKey(owner: Self.owner) }
        tpm.clock.advance(by: .milliseconds(999))
        try expectResult(.defendLockRunning) { try tpm.client.storageRootKey(owner: Self.owner) }
        tpm.clock.advance(by: .milliseconds(1))
        _ = try tpm.client.storageRootKey(owner: Self.owner)
    }

    /// The lockout is the one that wrong secrets lead to.
    @Test func aLockoutIsWhatGuessesLeadTo() throws {
        let guessed = try TestTPM(.owned)
        for _ in 0..<5 { try expectResult(.authFail) { try guessed.client.clear(owner: .wellKnown) } }
        let made = try TestTPM(.lockedOut)
        #expect(guessed.state?.any.lockedUntil == made.state?.any.lockedUntil)
        #expect(guessed.state?.permanent.failedAuthorizations == made.state?.permanent.failedAuthorizations)
    }

    @Test func aFailedTPMComesBackWithThePower() throws {
        let tpm = try TestTPM(.owned.and(.failed))
        try expectResult(.failedSelfTest) { try tpm.client.pcrs() }
        try tpm.powerCycle()
        _ = try tpm.client.pcrs()
    }

    @Test func anUnstartedTPMWaitsForTPMStartup() throws {
        let tpm = try TestTPM(.endorsed.and(.unstarted))
        try expectResult(.invalidPostInit) { try tpm.client.pcrs() }
        try tpm.client.execute(Startup.self, .init(.clear))
        _ = try tpm.client.pcrs()
    }

    @Test func severalConditionsGoTogether() throws {
        let tpm = try TestTPM(.withKeys.and(.disabled, .deactivated, .unstarted))
        let state = try #require(tpm.state)
        #expect(state.permanent.flags.disable && state.permanent.flags.deactivated && state.any.postInitialise)
        #expect(state.keys.handles.isEmpty && tpm.keys.count == TestKey.Role.allCases.count)
    }

    @Test(arguments: [
        Start.factory, .endorsed, .owned, .withKeys, .disabled,
        .owned.and(.lockedOut, .failed, .unstarted, .deactivated),
    ])
    func aStartIsTheSameAsText(_ start: Start) { #expect(Start(start.description) == start) }

    @Test func aStartHasWordsOfItsOwn() {
        #expect(Start.owned.and(.unstarted, .disabled).description == "owned, disabled, unstarted")
        #expect(Start("with-keys,locked-out") == .withKeys.and(.lockedOut))
        for text in ["", "own", "disabled", "owned,", "owned, ", "owned,,disabled", "owned disabled", "owned, owned"] {
            #expect(Start(text) == nil, "\(text)")
        }
    }
}
