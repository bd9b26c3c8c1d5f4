import Foundation
import TPMCrypto

/// Something that happened to a guest.
public struct Event: Codable, Equatable, Sendable {
    public let time: Date
    /// What sort of event, such as `started`.
    public let kind: String
    /// A sentence for the operator; at most 1000 characters, what is longer is cut.
    public let text: String

    public init(time: Date = Date(), kind: String, text: String) {
        self.time = time
        self.kind = String(kind.prefix(StoreLimits.eventText))
        self.text = String(text.prefix(StoreLimits.eventText))
    }
}

extension Store {
    /// Adds to the log of a guest, of which the last 128 events are kept. Its group need not be open, for why it is not
    /// is an event, too: events are encrypted under the store's own key.
    public func append(_ event: Event, to guest: UUID) throws(StoreFailure) {
        try writer.change { draft in
            _ = try draft.guest(guest)
            try draft.append(event, to: guest)
        }
    }

    /// The log of a guest, oldest first.
    public func events(of guest: UUID) throws(StoreFailure) -> [Event] {
        guard writer.look({ $0.guests[guest] }) != nil else { throw .noGuest(guest.uuidString) }
        let rows = try writer.read { try EventRow.fetchAll(of: guest, in: $0) }
        var events: [Event] = []
        for row in rows {
            let label = Label(kind: .event, owner: guest, version: row.number)
            guard let event = Sealing.open(Event.self, row.sealed, under: writer.keys.notes, as: label) else {
                throw .altered(directory, detail: "an event of the guest \(guest)")
            }
            events.append(event)
        }
        return events
    }
}
