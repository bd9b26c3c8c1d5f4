import Synchronization
import TPMClient
import TPMCrypto
import TPMEngine
import TPMServer
import TPMWire

/// A TPM 1.2 for one test, in its process: every nonce and key follows from a seed, its clock stands still until the
/// test turns it, its store and its random source break when they are told to, and all of it can be copied.
///
///     let tpm = try TestTPM(.owned, seed: "sealing")
///     let blob = try tpm.client.seal(Secret([1, 2, 3]))
///
/// It is a ``TPMClient/Transport``, and ``serve(at:)`` puts it on a socket. What its commands change is in its store
/// before they are answered, as with any TPM that is served. Any thread may use it.
public final class TestTPM: Transport, Sendable {
    /// How it began.
    public let start: Start
    public let seed: String
    public let secrets: KnownSecrets
    /// The keys that it began with.
    public let keys: [TestKey]
    /// The TPM's clock. It counts for ticks, for the lockout and in recordings.
    public let clock: HandClock
    private let random: TestRandom
    private let keyPairs: TestKeyPairs
    private let store: TestStore
    /// Of its clients.
    private let nonces: SeededRandom
    private let board: Mutex<Board>

    /// The TPM with its power, and what goes with the commands.
    private struct Board {
        let instance: TPMInstance
        var locality: Locality
        /// Nil when nobody wants one.
        var recorder: SessionRecorder?
    }

    /// A TPM that others do not know: the same start, seed and secrets give the same one, everywhere.
    ///
    /// - Parameter records: true for one that writes down what is done with it, for ``recording``.
    public convenience init(
        _ start: Start = .owned, seed: String = "TestTPM", secrets: KnownSecrets = KnownSecrets(),
        records: Bool = false
    ) throws {
        self.init(try Self.made(start, seed: seed, secrets: secrets, records: records))
    }

    /// A TPM that goes on from where another was.
    public init(_ snapshot: Snapshot) {
        (start, seed, secrets, keys) = (snapshot.start, snapshot.seed, snapshot.secrets, snapshot.keys)
        let clock = HandClock(microseconds: snapshot.time)
        let random = TestRandom(snapshot.random)
        let keyPairs = snapshot.keyPairs.copy()
        let store = TestStore(snapshot.store)
        (self.clock, self.random, self.keyPairs, self.store) = (clock, random, keyPairs, store)
        nonces = snapshot.nonces.copy()
        let instance = TPMInstance(
            store: store,
            environment: Environment(
                random: random, clock: clock, keyPairs: keyPairs, physicalPresence: snapshot.presencePin),
            wallTime: { clock.microseconds })
        instance.memory = snapshot.memory
        board = Mutex(Board(instance: instance, locality: snapshot.locality, recorder: snapshot.recorder))
    }

    // MARK: Commands

    /// A client whose nonces follow from the seed. All clients of one TPM draw from one stream.
    public var client: TPMClient { TPMClient(self, random: nonces) }

    /// Where the commands of clients arrive.
    public var locality: Locality {
        get { board.withLock { $0.locality } }
        set { board.withLock { $0.locality = newValue } }
    }

    public func transmit(_ command: [UInt8]) throws -> [UInt8] { try execute(command, at: nil) }

    /// Executes one command that arrives at a locality; nil is where those of clients do.
    ///
    /// - Throws: a ``TPMClient/ClientError`` when there is no answer: the TPM has no power, or lost it meanwhile.
    public func execute(_ command: [UInt8], at locality: Locality? = nil) throws(ClientError) -> [UInt8] {
        let answer = board.withLock { board -> [UInt8]? in
            let locality = locality ?? board.locality
            guard board.instance.hasPower else { return nil }
            let answer = board.instance.finish(board.instance.execute(command, locality: locality))
            let lost = store.takePowerLoss()
            board.recorder?.note(
                .command(.init(command: command, answer: lost ? nil : answer, locality: locality)),
                at: clock.microseconds)
            if lost { board.instance.memory = .init(nil) }
            return lost ? nil : answer
        }
        guard let answer else { throw .transport("The TPM has no power.") }
        return answer
    }

    // MARK: Power

    public var hasPower: Bool { board.withLock { $0.instance.hasPower } }

    /// Takes the power away, and with it all that the store does not have.
    public func powerOff() {
        change(.powerOff) { $0.memory = .init(nil) }
    }

    /// Gives the TPM power (TPM_Init); one that had it loses it before. TPM_Startup has to follow.
    public func powerOn() throws(ClientError) {
        let failure = board.withLock { board -> StoreError? in
            board.recorder?.note(.powerOn, at: clock.microseconds)
            board.instance.memory = .init(nil)
            do throws(StoreError) {
                try board.instance.powerOn()
                return nil
            } catch { return error }
        }
        if let failure { throw .transport("\(failure)") }
    }

    /// The power goes, comes back, and TPM_Startup follows, as when a machine is switched off and on.
    public func powerCycle(_ startup: StartupType = .clear) throws {
        powerOff()
        try powerOn()
        try client.execute(Startup.self, .init(startup))
    }

    /// The hardware's signal of physical presence, which counts once TSC_PhysicalPresence enabled it (Part 1, 10.2).
    public var presencePin: Bool {
        get { board.withLock { $0.instance.environment.physicalPresence } }
        set { change(.presence(newValue)) { $0.environment.physicalPresence = newValue } }
    }

    /// Asserts physical presence as firmware does, by command (Part 3, 6.6), or takes it back.
    public func setPhysicalPresence(_ isPresent: Bool) throws {
        if isPresent { try client.execute(TSCPhysicalPresence.self, .init(physicalPresence: .cmdEnable)) }
        try client.execute(
            TSCPhysicalPresence.self, .init(physicalPresence: isPresent ? .present : .notPresent))
    }

    // MARK: Faults

    /// What will happen to the store; nil when all is well, and again when it happened.
    public var storeFault: StoreFault? {
        get { board.withLock { _ in store.fault } }
        set { change(.store(newValue)) { _ in store.fault = newValue } }
    }

    /// How many times the TPM wrote to its store since it began, failures included.
    public var storeWrites: Int { board.withLock { _ in store.contents.writes } }

    /// What is wrong with the TPM's random source; nil when nothing is.
    public var randomFault: TestRandom.Fault? {
        get { board.withLock { _ in random.fault } }
        set { change(.random(newValue)) { _ in random.fault = newValue } }
    }

    private func change(_ event: Recording.Event, _ body: (TPMInstance) -> Void) {
        board.withLock { board in
            board.recorder?.note(event, at: clock.microseconds)
            body(board.instance)
        }
    }

    // MARK: What is inside

    /// All that the TPM knows, to look at or to change behind its back; nil without power. What is set is in the store,
    /// too, and in no recording.
    public var state: TPMState? {
        get { board.withLock { $0.instance.memory.tpm?.state } }
        set {
            board.withLock { board in
                guard let newValue, var tpm = board.instance.memory.tpm else { return }
                tpm.state = newValue
                board.instance.memory = .init(tpm)
                store.contents.state = newValue
            }
        }
    }

    /// What was done with the TPM since it began, for one that was told to record; nil for any other. It is the way to
    /// where the TPM is: ``restore(_:)`` takes back what came after the snapshot.
    public var recording: Recording? { board.withLock { $0.recorder?.recording } }

    // MARK: Copies

    /// The TPM as it is now, with its store, its clock, its random source and its faults: a value.
    public func snapshot() -> Snapshot {
        board.withLock { board in
            Snapshot(
                start: start, seed: seed, secrets: secrets, keys: keys, time: clock.microseconds,
                locality: board.locality, presencePin: board.instance.environment.physicalPresence,
                memory: board.instance.memory, store: store.contents, random: random.place,
                keyPairs: keyPairs.copy(), nonces: nonces.copy(), recorder: board.recorder)
        }
    }

    /// Goes back to a snapshot of this TPM or of a fork. Sessions of the client's that are newer are gone, and older
    /// ones have to be as they were: ``TPMClient/Session/copy()`` keeps them.
    ///
    /// Of another TPM's snapshot everything comes but its ``keys``, ``secrets`` and ``seed``: make a ``TestTPM`` of it.
    public func restore(_ snapshot: Snapshot) {
        board.withLock { board in
            clock.microseconds = snapshot.time
            random.place = snapshot.random
            keyPairs.given = snapshot.keyPairs.given
            nonces.position = snapshot.nonces.position
            store.contents = snapshot.store
            board.instance.environment.physicalPresence = snapshot.presencePin
            board.instance.memory = snapshot.memory
            board.locality = snapshot.locality
            board.recorder = snapshot.recorder
        }
    }

    /// Another TPM that is as this one is and goes its own way from here.
    public func fork() -> TestTPM { TestTPM(snapshot()) }
}

/// A ``TestTPM`` at one moment.
public struct Snapshot: Sendable {
    public let start: Start
    public let seed: String
    public let secrets: KnownSecrets
    public internal(set) var keys: [TestKey]
    /// What the clock showed, in microseconds.
    public let time: UInt64
    let locality: Locality
    let presencePin: Bool
    var memory: TPMInstance.Memory
    var store: TestStore.Contents
    let random: TestRandom.Place
    let keyPairs: TestKeyPairs
    let nonces: SeededRandom
    var recorder: SessionRecorder?

    /// All that the TPM knew; nil when it had no power.
    public var state: TPMState? { memory.tpm?.state }
}
