import Synchronization
import TPMClient
import TPMEngine
import TPMServer
import TPMWire

/// A TPM 1.2 of this program in this process, with its state in a directory that no other process can use meanwhile.
///
/// It has power from when it is made, so its PCRs begin anew with each process, and nothing measures into them.
final class SoftwareTPM: Sendable {
    private let tpm: Mutex<TPM>
    private let store: any StateStore

    /// Begins with a new TPM in an empty directory, which is made when its parent is there.
    convenience init(directory: String) throws(AnchorError) {
        do throws(StoreError) { try self.init(store: try StateDirectory(directory)) } catch {
            throw .unreachable(error.description)
        }
    }

    init(store: any StateStore) throws(StoreError) {
        // A program that was just started by this process keeps a lock of this process until it runs.
        try store.lock(waiting: 1000, continues: false)
        let stored = try store.load()
        var tpm = TPM(state: stored ?? TPMState())
        tpm.initialize()
        let outcome = tpm.execute(Self.startup)
        if stored == nil || outcome.changesPermanentState { try store.save(tpm.state) }
        self.store = store
        self.tpm = Mutex(tpm)
    }

    deinit { store.release() }

    /// TPM_Startup(ST_CLEAR).
    private static let startup: [UInt8] = [0x00, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, 1]

    /// The answer to a command, after what it changed is on disk. When it cannot be kept there, the command had no
    /// effect, and the next is tried again.
    func execute(_ command: [UInt8]) throws -> [UInt8] {
        try tpm.withLock { tpm in
            let before = tpm.state
            let outcome = tpm.execute(command)
            guard outcome.changesPermanentState else { return outcome.response }
            do { try store.save(tpm.state) } catch {
                tpm.state = before
                throw AnchorError.unreachable("\(error)")
            }
            return outcome.response
        }
    }
}

/// A way to a TPM in this process whose commands may fail to reach it.
final class SoftwareTransport: Transport {
    private let tpm: SoftwareTPM

    init(_ tpm: SoftwareTPM) { self.tpm = tpm }

    func transmit(_ command: [UInt8]) throws -> [UInt8] { try tpm.execute(command) }
}
