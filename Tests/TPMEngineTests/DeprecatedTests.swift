import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_EvictKey, TPM_Terminate_Handle and TPM_Reset (Part 3, 27.1 and 27.5).
@Suite struct OldEvictionTests {
    private let signing = OwnedTPM.template(.signing, bits: 512)

    @Test func evictKeyFreesTheSlot() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let bound = try tpm.keyOSAP(key)
        #expect(tpm.code(EvictKey.self, .init(evictHandle: key)) == .success)
        #expect(tpm.tpm.state.keys.handles.isEmpty)
        #expect(tpm.tpm.state.any.sessions[bound.handle] == nil)
        for handle in [key, KeyHandle(rawValue: 0), .srk, .ek] {
            #expect(tpm.code(EvictKey.self, .init(evictHandle: handle)) == .invalidKeyHandle)
        }
    }

    @Test func terminateHandleEndsOneSession() throws {
        let tpm = OwnedTPM()
        let sessions = [try tpm.keySession(), try tpm.srkOSAP()]
        #expect(tpm.code(TerminateHandle.self, .init(handle: sessions[1].handle)) == .success)
        #expect(tpm.code(TerminateHandle.self, .init(handle: sessions[1].handle)) == .invalidAuthHandle)
        #expect(tpm.tpm.state.any.sessions.sessions.map(\.handle) == [sessions[0].handle])
    }

    @Test func resetEndsSessionsAndTheContextsOf11AndNothingElse() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        try tpm.extend(3)
        let before = tpm.tpm.state
        let context12 = try tpm.save(try tpm.keySession().handle, .auth)
        let session11 = try tpm.client.execute(
            SaveAuthContext.self, .init(authHandle: try tpm.keySession().handle)
        ).authContextBlob
        let second = try tpm.newKey(signing)
        let key11 = try tpm.client.execute(SaveKeyContext.self, .init(keyHandle: second)).keyContextBlob
        _ = [try tpm.keySession(), try tpm.srkOSAP(), try tpm.ownerOSAP()]
        #expect(tpm.code(Reset.self, .init()) == .success)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: session11)) == .badContext)
        #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: key11)) == .badContext)
        #expect(tpm.result { _ = try tpm.load(context12) } == .success)
        #expect(tpm.tpm.state.keys.handles == [key])
        #expect(tpm.tpm.state.clear.pcrs == before.clear.pcrs)
        // Nor do they come back when new ones are written.
        _ = try tpm.client.execute(SaveAuthContext.self, .init(authHandle: try tpm.keySession().handle))
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: session11)) == .badContext)
        #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: key11)) == .badContext)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(EvictKey.self, .init(evictHandle: try tpm.newKey(signing)), on: tpm)
        try check(TerminateHandle.self, .init(handle: try tpm.keySession().handle), on: tpm)
        try check(Reset.self, .init(), on: tpm)
    }
}

/// The context commands of 1.1 (Part 3, 27.2).
@Suite struct OldContextTests {
    private let signing = OwnedTPM.template(.signing, bits: 512)

    private func saveKey(_ key: KeyHandle, _ tpm: OwnedTPM) throws -> [UInt8] {
        try tpm.client.execute(SaveKeyContext.self, .init(keyHandle: key)).keyContextBlob
    }

    private func saveAuth(_ session: Session, _ tpm: OwnedTPM) throws -> [UInt8] {
        try tpm.client.execute(SaveAuthContext.self, .init(authHandle: session.handle)).authContextBlob
    }

    @Test func aSavedKeyFreesItsSlotAndComesBack() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let blob = try saveKey(key, tpm)
        #expect(tpm.tpm.state.keys.handles.isEmpty)
        for _ in 0..<2 {
            let back = try tpm.client.execute(LoadKeyContext.self, .init(keyContextBlob: blob)).keyHandle
            #expect(tpm.signs(back, try tpm.keySession()) == .success)
        }
        #expect(tpm.code(SaveKeyContext.self, .init(keyHandle: KeyHandle(rawValue: 4))) == .invalidKeyHandle)
        #expect(tpm.code(SaveKeyContext.self, .init(keyHandle: .srk)) == .invalidKeyHandle)
    }

    @Test func aSavedSessionIsGoneAndComesBackOnce() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        for session in [try tpm.keySession(), try tpm.keyOSAP(key)] {
            let blob = try saveAuth(session, tpm)
            #expect(tpm.tpm.state.any.sessions[session.handle] == nil)
            let back = try tpm.client.execute(LoadAuthContext.self, .init(authContextBlob: blob)).authHandle
            #expect(back == session.handle)
            #expect(tpm.signs(key, session) == .success)
            #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: blob)) == .badContext)
        }
        #expect(tpm.code(SaveAuthContext.self, .init(authHandle: 4)) == .invalidAuthHandle)
    }

    @Test func aSessionOfAKeyNeedsTheKeyUnderWhateverHandle() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(signing)
        let key = try tpm.load(blob)
        let session = try tpm.keyOSAP(key)
        let context = try saveAuth(session, tpm)
        try tpm.flush(key)
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: context)) == .resourceMissing)
        let again = try tpm.load(blob)
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: context)) == .success)
        #expect(tpm.signs(again, session) == .success)
    }

    @Test(arguments: [StartupType.clear, .state])
    func noContextOutlivesThePower(_ type: StartupType) throws {
        let tpm = OwnedTPM()
        let key = try saveKey(try tpm.newKey(signing), tpm)
        let session = try saveAuth(try tpm.keySession(), tpm)
        try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(type)
        for _ in 0..<2 {
            #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: key)) == .badContext)
            #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: session)) == .badContext)
            // The second time with the nonce and the count of new contexts.
            _ = try saveAuth(try tpm.keySession(), tpm)
        }
    }

    @Test func theContextsOf12AreNotTheseAndTheseAreNotThose() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let key12 = try tpm.save(key.rawValue, .key).encoded()
        let session12 = try tpm.save(try tpm.keySession().handle, .auth).encoded()
        let key11 = try saveKey(key, tpm)
        let session11 = try saveAuth(try tpm.keySession(), tpm)
        #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: key12)) == .badContext)
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: session12)) == .badContext)
        for bytes in [key11, session11] {
            let blob = try WireDecoder.decode(ContextBlob.self, from: bytes)
            #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
        }
        // A key is no session.
        #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: session11)) == .badContext)
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: key11)) == .badContext)
    }

    @Test func bytesThatAreNoContextAreRefused() throws {
        let tpm = OwnedTPM()
        let key = try saveKey(try tpm.newKey(signing), tpm)
        for bytes in [[], [0], Array(key.dropLast()), key + [0], [UInt8](repeating: 0xff, count: 2000)] {
            #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: bytes)) != .success)
            #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: bytes)) != .success)
        }
        for index in key.indices {
            var bytes = key
            bytes[index] ^= 1
            #expect(tpm.code(LoadKeyContext.self, .init(keyContextBlob: bytes)) != .success)
        }
        #expect(tpm.tpm.state.keys.handles.isEmpty)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let session = try tpm.keySession()
        try check(SaveKeyContext.self, .init(keyHandle: key), on: tpm)
        try check(SaveAuthContext.self, .init(authHandle: session.handle), on: tpm)
        let keyBlob = try saveKey(key, tpm)
        let authBlob = try saveAuth(session, tpm)
        try check(LoadKeyContext.self, .init(keyContextBlob: keyBlob), on: tpm)
        try check(LoadAuthContext.self, .init(authContextBlob: authBlob), on: tpm)
    }
}

/// TPM_DirRead and TPM_DirWriteAuth (Part 3, 27.3).
@Suite struct DIRTests {
    @Test func whatTheOwnerWritesAnyoneReadsEvenAfterARestart() throws {
        let tpm = OwnedTPM()
        #expect(try tpm.client.execute(DirRead.self, .init(dirIndex: 0)).dirContents == .zero)
        let value = Digest(repeating: 0xd1)
        try tpm.client.execute(
            DirWriteAuth.self, .init(dirIndex: 0, newContents: value), try tpm.ownerSession(continues: false))
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        try tpm.restart()
        #expect(try tpm.client.execute(DirRead.self, .init(dirIndex: 0)).dirContents == value)
    }

    @Test(arguments: [1, 2, UInt32.max])
    func thereIsOneRegister(_ index: UInt32) throws {
        let tpm = OwnedTPM()
        #expect(tpm.code(DirRead.self, .init(dirIndex: index)) == .badIndex)
        let write = DirWriteAuth.Request(dirIndex: index, newContents: .zero)
        #expect(tpm.code(DirWriteAuth.self, write, try tpm.ownerSession()) == .badIndex)
        #expect(tpm.code(DirWriteAuth.self, write, try tpm.srkSession()) == .authFail)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(DirRead.self, .init(dirIndex: 0), on: tpm)
        try check(
            DirWriteAuth.self, .init(dirIndex: 0, newContents: .zero), on: tpm, try tpm.ownerSession())
    }
}

/// TPM_OwnerReadPubek and TPM_DisablePubekRead (Part 3, 27.6 and 27.7).
@Suite struct OldPubekTests {
    @Test func theOwnerReadsTheEndorsementKey() throws {
        let tpm = OwnedTPM()
        let pubek = try tpm.client.execute(
            OwnerReadPubek.self, .init(), try tpm.ownerSession(continues: false)
        ).pubEndorsementKey
        #expect(pubek == tpm.tpm.state.permanent.endorsementKey?.key.pubkey)
        #expect(tpm.code(OwnerReadPubek.self, .init(), try tpm.srkSession()) == .authFail)
    }

    @Test func theOwnerKeepsOthersFromReadingIt() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.flags.readPubek = true
        #expect(tpm.code(ReadPubek.self, .init(antiReplay: .zero)) == .success)
        try tpm.client.execute(DisablePubekRead.self, .init(), try tpm.ownerSession(continues: false))
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(tpm.code(ReadPubek.self, .init(antiReplay: .zero)) == .disabledCmd)
        #expect(tpm.code(OwnerReadPubek.self, .init(), try tpm.ownerSession()) == .success)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(OwnerReadPubek.self, .init(), on: tpm, try tpm.ownerSession())
        try check(DisablePubekRead.self, .init(), on: tpm, try tpm.ownerOSAP())
    }
}
