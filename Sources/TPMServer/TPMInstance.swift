import TPMEngine
import TPMWire

/// One TPM and where it keeps its state: what it answers is durable.
///
/// It takes one call at a time, on whatever thread; ``CommandQueue`` sees to that.
final class TPMInstance {
    private var tpm: TPM
    private let store: (any StateStore)?
    private let observer: any InstanceObserver

    /// Powers the TPM on (TPM_Init): the stored one, or a new one, which is stored at once. Without a store it is new
    /// and forgets all.
    init(store: (any StateStore)?, environment: Environment, observer: any InstanceObserver) throws(StoreError) {
        let stored = try store?.load()
        tpm = TPM(state: stored ?? TPMState(), environment: environment)
        self.store = store
        self.observer = observer
        if stored == nil { try store?.save(tpm.state) }
        tpm.initialize()
    }

    /// True when TPM_SaveState left something for TPM_Startup(ST_STATE).
    var hasSavedState: Bool { tpm.state.saved != nil }

    /// A command that was executed, and whether its answer must wait for ``save(_:)``.
    struct Executed {
        let command: [UInt8]
        let outcome: TPM.Outcome
        let mustSave: Bool
    }

    func execute(_ command: [UInt8]) -> Executed {
        let outcome = tpm.execute(command)
        return Executed(
            command: command, outcome: outcome, mustSave: outcome.changesPermanentState && store != nil)
    }

    /// The answer to a command, after what it changed is on disk. A store that fails shuts the TPM down until the
    /// next start, which finds the state of before or that of after; the command itself answers TPM_FAIL.
    func finish(_ executed: Executed) -> [UInt8] {
        var response = executed.outcome.response
        if executed.mustSave, let store {
            do throws(StoreError) {
                try store.save(tpm.state)
            } catch {
                tpm.fail()
                response = TPM.failure(.fail)
                observer.storeFailed(error)
            }
        }
        observer.executed(executed.command, response)
        return response
    }
}

/// Hears what happens to a TPM, on the thread where it happens.
protocol InstanceObserver: Sendable {
    func executed(_ command: [UInt8], _ response: [UInt8])
    func storeFailed(_ error: StoreError)
}
