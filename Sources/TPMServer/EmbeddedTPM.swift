import Synchronization
import TPMEngine

/// A TPM of this process, to which no socket leads. It has power from when it is made and TPM_Startup(ST_CLEAR) behind
/// it, and what it answers is durable.
public final class EmbeddedTPM: Sendable {
    private let instance: Mutex<TPMInstance>

    /// Takes the TPM of a store, or a new one, and keeps everybody else off until this object dies.
    ///
    /// - Parameter milliseconds: how long another process may take to release the store.
    public init(
        store: any StateStore, environment: Environment = Environment(), waiting milliseconds: Int = 1000
    ) throws {
        let instance = TPMInstance(store: store, environment: environment)
        try instance.powerOn(waiting: milliseconds)
        try instance.startUp(.clear)
        self.instance = Mutex(instance)
    }

    deinit { instance.withLock { $0.end() } }

    /// The answer to a command, after what it changed is stored. Throws when that is not possible: a command that succeeded
    /// had no effect then, and the next is tried again.
    public func execute(_ command: [UInt8]) throws(StoreError) -> [UInt8] {
        let answer = instance.withLock { instance in
            Result { () throws(StoreError) in try instance.finishOrThrow(instance.execute(command)) }
        }
        return try answer.get()
    }
}
