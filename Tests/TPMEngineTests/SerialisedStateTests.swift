import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct SerialisedStateTests {
    /// A state in which every part that outlives power holds something.
    private static let fullState: TPMState = {
        let random = SeededRandom(seed: 7)
        var state = TPMState()
        func key(_ bits: UInt8) throws -> LoadedKey {
            let parms = KeyParms(
                algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none,
                parms: .rsa(RSAKeyParms(keyLength: 512, numPrimes: 2, exponent: [])))
            let template = Key(
                form: .key12, keyUsage: .storage, keyFlags: [], authDataUsage: .always, algorithmParms: parms,
                pcrInfo: .none, pubKey: StorePubkey(), encData: [])
            return try LoadedKey.generate(
                template, usageAuth: Secret([UInt8](repeating: bits, count: 20)),
                migrationAuth: Secret([UInt8](repeating: 9, count: 20)), from: GeneratedKeyPairs(random: random))
        }
        do {
            state.permanent.flags.nvLocked = true
            state.permanent.ownership = Ownership(
                ownerAuth: try random.secret(count: 20), srk: try key(1), delegateKey: try random.secret(count: 16))
            state.permanent.blobSecrets = BlobSecrets(
                tpmProof: try random.secret(count: 20), contextKey: try random.secret(count: 16))
            state.permanent.endorsementKey = try key(2)
            state.permanent.ekReset = try random.secret(count: 20)
            state.permanent.operatorAuth = try random.secret(count: 20)
            state.permanent.authDIR = try random.digest()
            for index: UInt32 in [0x1100, 3] {
                var info = NVDataPublic()
                info.nvIndex = index
                info.dataSize = 5
                state.permanent.nv.areas[index] = NVArea(
                    pubInfo: info, authValue: try random.secret(count: 20), data: [1, 2, 3, 4, 5])
            }
            state.permanent.noOwnerNVWrite = 11
            state.permanent.restrictDelegate = .signing
            state.permanent.daa = DAASecrets(
                tpmDAASeed: try random.secret(count: 20), daaProof: try random.secret(count: 20),
                daaBlobKey: try random.secret(count: 16))
            state.permanent.failedAuthorizations = 3
            let permissions = Delegations(delegateType: .owner, [.ownerClear])
            let delegation = DelegateTableRow(
                pub: OwnedTPM.info(permissions, 6), authValue: try random.secret(count: 20))
            state.permanent.delegation = try DelegationTables(
                families: [
                    FamilyTableEntry(familyLabel: 1, familyID: 6, verificationCount: 4, flags: .enabled),
                    FamilyTableEntry(familyLabel: 2, familyID: 3, verificationCount: 1, flags: .delegateAdminLock),
                ], rows: [(3, delegation), (0, delegation)], lastFamilyID: 9)
            state.permanent.manuMaintPub = try key(5).key.pubkey
            state.permanent.auditMonotonicCounter = 17
            state.permanent.setAudited(.getRandom, true)
            state.permanent.setAudited(.readPubek, false)
            try state.keys.add(try key(3), start: 0x0102_0304, isOwnerEvict: true)
            try state.keys.add(try key(4), start: 0x0506_0708)
            var clear = ClearState()
            clear.flags.bGlobalLock = true
            clear.pcrs.extend(10, with: .zero)
            clear.nvLocks[3] = NVLocks()
            clear.nvLocks[3]?.bWriteSTClear = true
            clear.contextNonceKey = try random.digest()
            state.saved = SavedState(clear: clear, keys: state.keys)
        } catch {
            Issue.record("no state: \(error)")
        }
        return state
    }()

    private static let full: [UInt8] = (try? fullState.serialised().bytes) ?? []

    @Test func everythingThatOutlivesPowerComesBack() throws {
        let state = try TPMState(serialised: Self.full)
        #expect(try state.serialised() == Secret(Self.full))
        let expected = Self.fullState
        #expect(state.permanent.flags == expected.permanent.flags)
        #expect(state.permanent.ownership?.ownerAuth == expected.permanent.ownership?.ownerAuth)
        #expect(state.permanent.endorsementKey?.key == expected.permanent.endorsementKey?.key)
        #expect(state.permanent.nv.areas[3]?.data == [1, 2, 3, 4, 5])
        #expect(state.permanent.failedAuthorizations == 3)
        #expect(state.permanent.delegation == expected.permanent.delegation)
        #expect(state.permanent.manuMaintPub == expected.permanent.manuMaintPub)
        #expect(state.permanent.auditMonotonicCounter == 17)
        #expect(state.permanent.ordinalAuditStatus == [.getRandom: true, .readPubek: false])
        #expect(state.saved?.clear.pcrs == expected.saved?.clear.pcrs)
        #expect(state.saved?.clear.nvLocks == expected.saved?.clear.nvLocks)
        #expect(state.saved?.keys.handles.count == 2)
    }

    @Test func ofTheLoadedKeysOnlyTheOwnerEvictOnesAreKept() throws {
        let state = try TPMState(serialised: Self.full)
        #expect(state.keys.handles.map(\.rawValue) == [0x0102_0304])
        #expect(state.keys.ownerEvict.map(\.rawValue) == [0x0102_0304])
    }

    @Test func aFactoryStateIsSmallAndComesBack() throws {
        let bytes = try TPMState().serialised().bytes
        #expect(bytes.count < 200)
        #expect(!(try TPMState(serialised: bytes)).permanent.hasOwner)
    }

    @Test func aKeyThatCameBackStillDecrypts() throws {
        let key = try #require(try TPMState(serialised: Self.full).permanent.ownership?.srk)
        let cipher = try key.encrypt(Secret([42]), random: SeededRandom(seed: 1))
        #expect(try key.decrypt(cipher) == Secret([42]))
    }

    @Test func everyChangedByteIsFound() {
        for index in Self.full.indices {
            var bytes = Self.full
            bytes[index] ^= 0x10
            let expected: StateFormatError = index < 8 ? .foreign : .damaged
            #expect(throws: expected) { try TPMState(serialised: bytes) }
        }
    }

    @Test func everyTruncationAndATrailingByteAreFound() {
        for count in 8..<Self.full.count {
            #expect(throws: StateFormatError.damaged) { try TPMState(serialised: Array(Self.full.prefix(count))) }
        }
        #expect(throws: StateFormatError.damaged) { try TPMState(serialised: Self.full + [0]) }
        #expect(throws: StateFormatError.foreign) { try TPMState(serialised: []) }
        #expect(throws: StateFormatError.foreign) { try TPMState(serialised: Array("-----BEGIN".utf8)) }
    }

    /// What an earlier version of the program wrote: the same fields up to those that were added later.
    @Test func theFirstFormatStillLoadsWithTheDefaultsOfWhatItLacks() throws {
        var stored = try StoredState(Self.fullState)
        stored.version = 1
        let payload = try stored.encoded()
        let framed = Array("vTPM 1.2".utf8) + be32(1) + be32(UInt32(payload.count)) + payload
        let state = try TPMState(serialised: framed + SHA1.hash(framed).bytes)
        #expect(state.permanent.ownership?.ownerAuth == Self.fullState.permanent.ownership?.ownerAuth)
        #expect(state.saved?.keys.handles.count == 2)
        #expect(state.permanent.delegation == DelegationTables())
        #expect(state.permanent.manuMaintPub == nil)
        #expect(state.permanent.auditMonotonicCounter == 0)
        #expect(state.permanent.ordinalAuditStatus.isEmpty)
    }

    @Test func tablesThatCannotBeAreDamage() throws {
        func isRead(_ change: (inout StoredState) -> Void) throws -> Bool {
            var stored = try StoredState(Self.fullState)
            change(&stored)
            return (try? stored.state()) != nil
        }
        #expect(try isRead { _ in })
        #expect(try !isRead { $0.families[1].familyID = 6 })
        #expect(try !isRead { $0.families[1].familyID = 0 })
        #expect(
            try !isRead {
                $0.families = (1...17).map { .init(familyLabel: 0, familyID: $0, verificationCount: 1, flags: []) }
            })
        #expect(try !isRead { $0.delegateRows[1].index = 0 })
        #expect(try !isRead { $0.delegateRows[1].index = 4 })
    }

    @Test func aNewerFormatIsRefusedByItsNumber() {
        var bytes = Array(Self.full.dropLast(20))
        bytes[11] = 200
        bytes += SHA1.hash(bytes).bytes
        #expect(throws: StateFormatError.newer(version: 200)) { try TPMState(serialised: bytes) }
    }

    @Test func aPayloadThatNoTPMCanBeInIsDamagedThoughItsCheckIsRight() {
        // A flag that is neither TRUE nor FALSE: the first one stands behind the frame's 16 bytes and the tag.
        var bytes = Array(Self.full.dropLast(20))
        bytes[18] = 7
        bytes += SHA1.hash(bytes).bytes
        #expect(throws: StateFormatError.damaged) { try TPMState(serialised: bytes) }
    }
}
