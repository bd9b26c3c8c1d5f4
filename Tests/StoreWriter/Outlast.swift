import VTPMManager

/// Writes so many records of one guest, whatever the disk says meanwhile. A line `failed REASON` for each that failed;
/// the last line is `kept` when what is there is the last that was written, read from a store opened anew.
struct Outlast {
    private let directory: String

    init(_ directory: String) { self.directory = directory }

    func run(writes: Int) throws {
        var last: UInt64 = 0
        do {
            let opened = try OpenedStore(directory)
            guard let guest = try opened.guests(1).first else { return }
            for next in 1...UInt64(max(writes, 1)) {
                do {
                    try opened.store.setSettings(of: guest, to: record(next, size: 2048))
                    last = next
                } catch {
                    say("failed \(error)")
                    // What failed may be there or not; what was there before may not be another.
                    let there = try? opened.store.settings(of: guest).map(number(of:))
                    if let there, there != last, there != next { say("lost: \(there) after \(last)") }
                    last = there ?? last
                }
            }
            opened.store.close()
        }
        let opened = try OpenedStore(directory)
        try opened.store.checkIntegrity()
        guard let guest = try opened.guests(1).first, let there = try opened.store.settings(of: guest) else { return }
        say(number(of: there) == last ? "kept" : "lost: \(number(of: there)) after \(last)")
    }
}
