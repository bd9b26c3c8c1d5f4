import Foundation
import VTPMManager

/// Writes until it is killed. A line `INDEX NUMBER` says that this record of this guest is durable; `checkpoint HEX`
/// stands for a write to the hardware TPM.
struct Hammer {
    private let opened: OpenedStore
    private let size: Int

    init(_ directory: String, size: Int) throws {
        opened = try OpenedStore(directory)
        self.size = size
    }

    func run(threads: Int) throws {
        let guests = try opened.guests(threads)
        for (index, guest) in guests.enumerated() { Thread { write(guest, index) }.start() }
        while true {
            // As the manager does it: first the hardware TPM has it, then the store hears.
            if let checkpoint = opened.store.nextCheckpoint() {
                say(
                    "checkpoint "
                        + checkpoint.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
                try opened.store.confirm(checkpoint)
            }
            usleep(3000)
        }
    }

    private func write(_ guest: UUID, _ index: Int) {
        do {
            guard let last = try opened.store.settings(of: guest) else { return say("failed: no record") }
            var next = number(of: last)
            while true {
                next += 1
                try opened.store.setSettings(of: guest, to: record(next, size: size))
                say("\(index) \(next)")
                if next % 16 == 0 { try opened.store.append(Event(kind: "written", text: "\(next)"), to: guest) }
                if next % 64 == 0 { try opened.store.setState(of: guest, to: next % 128 == 0 ? .running : .stopped) }
            }
        } catch { say("failed: \(error)") }
    }
}
