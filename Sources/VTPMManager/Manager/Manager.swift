import Foundation
import HardwareAnchor
import Logging
import Synchronization
import TPMCrypto
import TPMServer

/// The vTPM manager of a host: opens its store with the hardware TPM, serves the guests' TPMs, and does what an operator
/// says (``ManagerCommands``).
///
/// Make it, ``start()``, and ``stop()`` at the end.
public final class Manager: Sendable {
    let configuration: ManagerConfiguration
    let logger: Logger
    let anchor: any HardwareAnchor
    let store: Store
    let recoveryKey: RecoveryPublicKey
    let problems: Problems
    let pool: KeyPairPool
    let roster: GuestRoster
    let counts = ManagerCounts()
    /// Changes of groups, one at a time.
    let groupChange = Mutex(())
    /// Making of guests' quoting keys, one at a time.
    let keyChange = Mutex(())
    private let started = Date()
    private let keeper: CheckpointKeeper

    /// Opens the store, after the hardware has proved that it is the one and told the last checkpoint.
    ///
    /// To be called before other threads are started: the library for a TPM 2.0 takes what it logs from the environment.
    ///
    /// - Throws: a ``ManagerError`` of kind `hardware` or `store` whose sentence says what to do.
    public init(_ configuration: ManagerConfiguration, logger: Logger) throws(ManagerError) {
        self.configuration = configuration
        self.logger = logger
        problems = Problems(logger)
        let directory = configuration.directory
        guard let material = try MaterialFile.read(in: directory) else {
            throw ManagerError(
                .hardware, "There is no \(MaterialFile.path(in: directory)): make the store with vtpm manager init.")
        }
        let file: StoreFile
        do throws(StoreFailure) { file = try StoreFile(opening: directory) } catch { throw ManagerError(error) }
        let anchor: any HardwareAnchor
        do throws(AnchorError) {
            anchor = try configuration.anchor.address.open(material, options: configuration.anchor.options)
        } catch { throw ManagerError(error) }
        logger.notice("The hardware is a \(anchor.hardware).", metadata: ["identity": "\(anchor.identity)"])
        let key = try anchor.unwrap(file.wrappings)
        guard let checkpoint = try anchor.readCheckpoint() else {
            throw ManagerError(
                .hardware,
                "The hardware TPM has no checkpoint of the store in \(directory): vtpm manager init did not come to its "
                    + "end, or somebody removed it. Remove the store and begin anew, or use the recovery key.")
        }
        let store: Store
        do throws(StoreFailure) { store = try Store(file, integrityKey: key, extending: checkpoint) } catch {
            throw ManagerError(error)
        }
        guard let recovery = RecoveryWrapping(in: store.wrappings) else {
            throw ManagerError(.store, "The store has no recovery key. Put the last good copy in its place.")
        }
        do throws(CryptoError) { recoveryKey = try RecoveryPublicKey(pem: Array(recovery.key.utf8)) } catch {
            throw ManagerError(error)
        }
        self.anchor = anchor
        self.store = store
        pool = KeyPairPool(capacity: configuration.keys.pool)
        roster = try GuestRoster(configuration.guests, logger: logger)
        let problems = problems
        let back = Later<Manager>()
        keeper = CheckpointKeeper(
            store, anchor, every: configuration.checkpoint.interval, problems: problems
        ) { back.value?.openClosedGroups() }
        back.value = self
    }

    /// Opens the groups, starts the guests that ran, and begins to give checkpoints.
    public func start() throws(ManagerError) {
        try roster.prepare()
        keeper.checkpoint()
        openClosedGroups()
        keeper.start()
    }

    /// Puts the guests' TPMs away so that they go on when the manager is started again before the host is, has the
    /// hardware remember the last commit, and closes the store.
    public func stop() {
        keeper.stop()
        pauseGuests()
        if keeper.checkpoint() { logger.notice("The hardware TPM has the store's last commit.") }
        store.close()
        roster.close()
    }

    /// Gives the hardware a checkpoint now; when it cannot take it, that is a problem of the status.
    func checkpoint() { keeper.checkpoint() }

    // MARK: Looking

    public func status() -> ManagerStatus {
        let groups = store.groups()
        let guests = (try? store.guests()) ?? []
        return ManagerStatus(
            version: VTPMVersion.current, started: started, store: store.id, directory: store.directory,
            hardware: "\(anchor.hardware)", hardwareIdentity: "\(anchor.identity)", problems: problems.all,
            lastCheckpoint: keeper.lastTime, isCheckpointDue: store.isCheckpointDue, groups: groups.count,
            openGroups: groups.count { store.isOpen(group: $0.id) }, guests: guests.count,
            runningGuests: roster.runningCount, readyKeys: pool.count)
    }

    public func metrics() -> ManagerMetrics {
        var states: [String: Int] = [:]
        for state in GuestReport.State.allCases { states[state.rawValue] = 0 }
        for guest in (try? store.guests()) ?? [] { states[state(of: guest).rawValue, default: 0] += 1 }
        let running = roster.statistics
        return ManagerMetrics(
            status: status(), guestsByState: states, commands: running.commands,
            storeFailures: counts.storeFailures, checkpoints: keeper.count, checkpointFailures: keeper.failures,
            connections: running.connections)
    }

    public func hostPCRs(_ indices: [Int]) throws(ManagerError) -> PCRReport {
        PCRReport(try readHostPCRs(indices))
    }

    func readHostPCRs(_ indices: [Int]) throws(ManagerError) -> PCRConfiguration {
        try Self.check(pcrs: indices)
        do throws(AnchorError) { return try anchor.readPCRs(Set(indices)) } catch { throw ManagerError(error) }
    }

    static func check(pcrs indices: [Int]) throws(ManagerError) {
        guard !indices.isEmpty, indices.allSatisfy(AnchorLimit.pcrIndices.contains) else {
            throw ManagerError(.invalid, "Name at least one PCR, 0 to 23.")
        }
    }
}

extension Manager: ManagerCommands {}

/// The program's version, as it says it.
public enum VTPMVersion {
    public static let current = "0.1.0"
}

/// Numbers that only grow.
final class ManagerCounts: Sendable {
    private let failures = Atomic<UInt64>(0)

    var storeFailures: UInt64 { failures.load(ordering: .relaxed) }

    func storeFailed() { failures.wrappingAdd(1, ordering: .relaxed) }
}

/// Something that refers to its owner, which is made after it.
final class Later<Value: AnyObject & Sendable>: Sendable {
    private let contents = Mutex(Reference())

    private struct Reference {
        weak var value: Value?
    }

    var value: Value? {
        get { contents.withLock { $0.value } }
        set { contents.withLock { $0.value = newValue } }
    }
}
