/// In which state one end of a device is (xen/io/xenbus.h).
public enum XenbusState: Int, Sendable {
    /// There is no such end.
    case unknown = 0
    case initialising = 1
    /// A backend is ready for the other end.
    case initWait = 2
    /// A front end has published what the other end needs.
    case initialised = 3
    case connected = 4
    case closing = 5
    case closed = 6
    case reconfiguring = 7
    case reconfigured = 8

    /// The state that an entry of the xenstore names; unknown for anything else.
    public init(_ text: String?) {
        self = text.flatMap { Int($0) }.flatMap { XenbusState(rawValue: $0) } ?? .unknown
    }

    var text: String { String(rawValue) }
}
