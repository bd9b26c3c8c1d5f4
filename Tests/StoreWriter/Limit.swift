import Foundation
import Glibc
import VTPMManager

/// Writes until no file may grow any more, and on when it may: says `full`, the reason and, at the end, `again`.
struct Limit {
    private let opened: OpenedStore

    init(_ directory: String) throws { opened = try OpenedStore(directory) }

    func run(below bytes: Int) throws {
        let guests = try opened.guests(4)
        var old = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old)
        set(rlimit(rlim_cur: rlim_t(bytes), rlim_max: old.rlim_max))
        var written: UInt64 = 0
        do {
            while written < 10_000 {
                written += 1
                try write(guests, written)
            }
            say("never full")
        } catch {
            say("full \(error == .diskFull(opened.store.directory)): \(error)")
            written -= 1
        }
        // What was there before is there still.
        for guest in guests {
            let there = try opened.store.settings(of: guest).map(number) ?? 0
            say("kept \(there == written || there == written + 1)")
        }
        set(old)
        try write(guests, written + 1)
        say("again")
    }

    private func write(_ guests: [UUID], _ number: UInt64) throws(StoreFailure) {
        for guest in guests { try opened.store.setSettings(of: guest, to: record(number, size: 4000)) }
    }

    private func set(_ limit: rlimit) {
        var limit = limit
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    }
}
