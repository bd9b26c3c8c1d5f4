import HardwareAnchor
import TPMCrypto

/// What the hardware TPM remembers of a store: its last commit, and the value of the hardware's counter at that time.
///
/// | bytes | what |
/// |---|---|
/// | 8 | the counter |
/// | 40 | the ``Checkpoint`` |
///
/// Each new record counts up first. So a record that the owner of the TPM put back from earlier does not fit the counter,
/// which nobody can turn back.
struct CheckpointRecord: Equatable {
    let counter: UInt64
    let checkpoint: Checkpoint

    var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: counter >> (56 - 8 * $0)) } + checkpoint.bytes }

    init(counter: UInt64, checkpoint: Checkpoint) {
        self.counter = counter
        self.checkpoint = checkpoint
    }

    /// Nil for other bytes than those of ``bytes``.
    init?(_ bytes: [UInt8]) {
        guard let checkpoint = Checkpoint(Array(bytes.dropFirst(8))) else { return nil }
        counter = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.checkpoint = checkpoint
    }
}

extension HardwareAnchor {
    /// The checkpoint that the hardware holds; nil when it never held one.
    func readCheckpoint() throws(ManagerError) -> Checkpoint? {
        do throws(AnchorError) {
            let bytes = try readRecord()
            guard !bytes.isEmpty else { return nil }
            guard let record = CheckpointRecord(bytes) else {
                throw .damaged("What the hardware TPM remembers is no checkpoint of this program.")
            }
            // The power may have gone after the counting and before the writing.
            let counter = try readCounter()
            guard record.counter == counter || record.counter.addingReportingOverflow(1) == (counter, false) else {
                throw .damaged(
                    "The hardware TPM's checkpoint is of another time than its counter, \(record.counter) and "
                        + "\(counter): somebody who owns the TPM put it there. Find out who.")
            }
            return record.checkpoint
        } catch { throw ManagerError(error) }
    }

    /// Has the hardware remember a checkpoint in place of the last.
    func write(_ checkpoint: Checkpoint) throws(AnchorError) {
        let current = try readCounter()
        // When the last one was counted and not written, it has been counted for.
        let isCounted = CheckpointRecord(try readRecord()).map { $0.counter != current } ?? false
        let counter = isCounted ? current : try incrementCounter()
        try writeRecord(CheckpointRecord(counter: counter, checkpoint: checkpoint).bytes)
    }
}
