import Foundation
import Glibc
import Synchronization
import TPMClient

/// Counts up in every place of every guest, a thread each, through every death of the manager, until SIGTERM.
///
/// After each connection what a place holds is held against what must be there; what is lost ends the process with
/// status 1. Lines: `NAME PLACE writes` when a place does, `NAME PLACE refused CODE` when the TPM answers so, and at the
/// end how much was written.
struct Writers {
    private let guests: [GuestTPM]

    init(_ guests: [GuestTPM]) { self.guests = guests }

    func run() throws {
        var ending = sigset_t()
        sigemptyset(&ending)
        sigaddset(&ending, SIGTERM)
        sigaddset(&ending, SIGINT)
        // The threads inherit it, so that the signal waits for this one.
        pthread_sigmask(SIG_BLOCK, &ending, nil)
        for guest in guests {
            for place in Place.allCases {
                let record = try guest.record(of: place)
                nonisolated(unsafe) let writer = Writer(guest, place, record)
                Thread { writer.run() }.start()
            }
        }
        var signal: Int32 = 0
        sigwait(&ending, &signal)
        let (writes, connections) = (
            Writer.writes.load(ordering: .relaxed), Writer.connections.load(ordering: .relaxed)
        )
        say("\(writes) writes were answered over \(connections) connections")
    }
}

/// Counts up in one place.
private final class Writer {
    static let writes = Atomic<Int>(0)
    static let connections = Atomic<Int>(0)
    private static let pause: useconds_t = 20_000

    private let guest: GuestTPM
    private let place: Place
    private let record: Record
    /// What was said last.
    private var state = ""

    init(_ guest: GuestTPM, _ place: Place, _ record: Record) {
        self.guest = guest
        self.place = place
        self.record = record
    }

    func run() {
        while true {
            do { try write() } catch ClientError.tpm(let result, _) {
                tell("refused \(result)")
            } catch ClientError.transport {
                // The manager is not there; it will be again.
            } catch {
                say("\(error)")
                exit(1)
            }
            usleep(Self.pause)
        }
    }

    /// Writes until something is in the way.
    private func write() throws {
        let client = try guest.client()
        Self.connections.add(1, ordering: .relaxed)
        var number = try place.read(from: client)
        try record.check(number, in: place, of: guest.name)
        try record.isKept(number)
        let session = try client.oiap(place.secret, continues: true)
        defer { try? client.close(session) }
        while true {
            number += 1
            try record.willSend(number)
            try place.write(number, to: client, session)
            try record.isKept(number)
            Self.writes.add(1, ordering: .relaxed)
            tell("writes")
        }
    }

    private func tell(_ new: String) {
        guard new != state else { return }
        state = new
        say("\(guest.name) \(place.rawValue) \(new)")
    }
}
