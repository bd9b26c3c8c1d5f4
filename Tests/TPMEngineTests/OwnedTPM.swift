import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire

@testable import TPMEngine

/// A TPM for one test with a client in front of it: its world is turned by hand and its secrets are known.
///
/// What is set on ``tpm`` holds from the next command on. Every instance starts from the same bytes.
final class OwnedTPM {
    /// How far the TPM has come; each stage was reached by commands, once for all tests.
    enum Stage {
        /// Started, without an endorsement key.
        case started
        /// With an endorsement key, which is revocable with a password of twenty 0x33.
        case endorsed
        /// With an owner and an SRK.
        case owned
    }

    static let ownerAuth = Secret([UInt8](repeating: 0x11, count: 20))
    static let srkAuth = Secret([UInt8](repeating: 0x22, count: 20))
    static let ekReset = Secret([UInt8](repeating: 0x33, count: 20))

    var tpm: TPM
    /// Where the client's commands arrive.
    var locality = Locality.zero
    let clock = HandClock()
    /// What became of the client's last command.
    private(set) var lastOutcome: TPM.Outcome?
    /// The client's commands, and what the clock showed when they came.
    private(set) var exchanges: [(time: UInt64, command: [UInt8], response: [UInt8])] = []
    private(set) lazy var client = TPMClient(
        InProcessTransport { [unowned self] command in
            let outcome = self.tpm.execute(command, locality: self.locality)
            self.lastOutcome = outcome
            self.exchanges.append((self.clock.microseconds, command, outcome.response))
            return outcome.response
        }, random: SeededRandom(seed: Array("client".utf8)))

    let ownerAuth = OwnedTPM.ownerAuth
    let srkAuth = OwnedTPM.srkAuth

    init(_ stage: Stage = .owned, seed: String = "owned TPM") {
        // The endorsement key has the first key pair and the SRK the second.
        let (state, keyPairs) =
            switch stage {
            case .started: (TPMState(), 0)
            case .endorsed: (Self.endorsed, 1)
            case .owned: (Self.owned, 2)
            }
        tpm = TPM(
            state: state,
            environment: Environment(
                random: SeededRandom(seed: Array(seed.utf8)), clock: clock,
                keyPairs: TestKeyPairs(startingAt: keyPairs)))
        guard stage == .started else { return }
        tpm.initialize()
        _ = tpm.send(Startup.self, .init(.clear))
    }

    /// Physical presence as the platform's firmware asserts it.
    var physicalPresence: Bool {
        get { tpm.state.clear.flags.physicalPresence && tpm.state.permanent.flags.physicalPresenceCMDEnable }
        set {
            tpm.state.permanent.flags.physicalPresenceCMDEnable = true
            tpm.state.clear.flags.physicalPresence = newValue
        }
    }

    /// Power goes and comes back.
    func restart(_ type: StartupType = .clear) throws {
        tpm.initialize()
        try client.execute(Startup.self, .init(type))
    }

    /// The return code of a client's call, nil for what is no error of the TPM's.
    func result(of body: () throws -> Void) -> TPMResult? {
        do {
            try body()
            return .success
        } catch {
            return (error as? ClientError)?.result
        }
    }

    /// The return code of one command.
    func code<C: Command>(_ command: C.Type, _ request: C.Request, _ sessions: Session...) -> TPMResult? {
        result { _ = try client.execute(command, request, sessions: sessions) }
    }
}

// MARK: - Sessions

extension OwnedTPM {
    /// An OIAP session for the owner.
    func ownerSession(continues: Bool = true) throws -> Session {
        try client.oiap(ownerAuth, continues: continues)
    }

    /// An OSAP session for the owner.
    func ownerOSAP(_ scheme: ADIPScheme = .xor, continues: Bool = true) throws -> Session {
        try client.osap(.owner, secret: ownerAuth, scheme: scheme, continues: continues)
    }

    /// An OIAP session for the SRK.
    func srkSession(continues: Bool = true) throws -> Session {
        try client.oiap(srkAuth, continues: continues)
    }

    /// An OSAP session for the SRK.
    func srkOSAP(_ scheme: ADIPScheme = .xor, continues: Bool = true) throws -> Session {
        try client.osap(.srk, KeyHandle.srk.rawValue, secret: srkAuth, scheme: scheme, continues: continues)
    }
}

// MARK: - Keys

extension OwnedTPM {
    static let keyAuth = Secret([UInt8](repeating: 0x44, count: 20))
    static let migrationAuth = Secret([UInt8](repeating: 0x55, count: 20))

    /// What a key that is to be created is asked to be; 2048 bits unless told.
    static func template(
        _ usage: KeyUsage, bits: UInt32 = 2048, flags: KeyFlags = [], authDataUsage: AuthDataUsage = .always,
        form: Key.Form = .key12, encScheme: EncScheme? = nil, sigScheme: SigScheme? = nil, pcrInfo: Key.PCR = .none
    ) -> Key {
        Key(
            form: form, keyUsage: usage, keyFlags: flags, authDataUsage: authDataUsage,
            algorithmParms: KeyParms(
                algorithmID: .rsa, encScheme: encScheme ?? usage.allowedEncSchemes[0],
                sigScheme: sigScheme ?? usage.allowedSigSchemes[0],
                parms: .rsa(RSAKeyParms(keyLength: bits, numPrimes: 2, exponent: []))),
            pcrInfo: pcrInfo, pubKey: StorePubkey(), encData: [])
    }

    /// Creates a key below the SRK; its usage secret is ``keyAuth``.
    func create(_ template: Key) throws -> Key {
        let session = try srkOSAP(continues: false)
        return try client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: .srk, dataUsageAuth: try session.hide(Self.keyAuth),
                dataMigrationAuth: try session.hideSecond(Self.migrationAuth), keyInfo: template),
            session
        ).wrappedKey
    }

    /// Loads a key below the SRK.
    func load(_ blob: Key) throws -> KeyHandle {
        try client.execute(
            LoadKey2.self, .init(parentHandle: .srk, inKey: blob), try srkSession(continues: false)
        ).inkeyHandle
    }

    /// A new key below the SRK, loaded; its usage secret is ``keyAuth``.
    func newKey(_ template: Key) throws -> KeyHandle { try load(try create(template)) }

    /// A secret encrypted for the endorsement key.
    func encryptedForEK(_ secret: Secret) throws -> [UInt8] {
        let modulus = tpm.state.permanent.endorsementKey?.key.pubKey.key ?? []
        return try RSAPublicKey(modulus: modulus, exponent: 65537)
            .encryptOAEP(secret, random: SeededRandom(seed: Array("for the endorsement key".utf8)))
    }

    /// The operands of TPM_TakeOwnership with the secrets of this type.
    func takeOwnership(srk: Key = template(.storage)) throws -> TakeOwnership.Request {
        .init(
            encOwnerAuth: try encryptedForEK(ownerAuth), encSrkAuth: try encryptedForEK(srkAuth), srkParams: srk)
    }

    /// The owner goes and comes back; a clear leaves the TPM off, so that it is turned on in between.
    func changeOwner() throws {
        try client.execute(OwnerClear.self, .init(), try ownerSession(continues: false))
        turnOn()
        try client.execute(TakeOwnership.self, try takeOwnership(), try ownerSession(continues: false))
    }

    /// Enables and activates the TPM, as firmware does with physical presence and a restart.
    func turnOn() {
        tpm.state.permanent.flags.disable = false
        tpm.state.permanent.flags.deactivated = false
        tpm.state.clear.flags.deactivated = false
    }
}

// MARK: - Stages

extension OwnedTPM {
    static let endorsementKeyInfo = template(.storage).algorithmParms

    private static let endorsed = reached(from: OwnedTPM(.started)) { tpm in
        try tpm.client.execute(
            CreateRevocableEK.self,
            .init(antiReplay: .zero, keyInfo: endorsementKeyInfo, generateReset: false, inputEKreset: ekReset))
    }

    private static let owned = reached(from: OwnedTPM(.endorsed)) { tpm in
        try tpm.client.execute(TakeOwnership.self, try tpm.takeOwnership(), try tpm.ownerSession(continues: false))
    }

    private static func reached(from tpm: OwnedTPM, by body: (OwnedTPM) throws -> some Any) -> TPMState {
        do {
            _ = try body(tpm)
        } catch {
            // The tests that need the stage fail, and say why.
            print("a stage of OwnedTPM was not reached: \(error)")
        }
        return tpm.tpm.state
    }
}
