import TPMEngine

/// What was done with a TPM, in order, and what it answered: a fixture. Its ``text`` is made to be read and compared
/// line by line, and ``replay()`` does it all once more.
public struct Recording: Sendable, Equatable {
    /// From what a ``TestTPM`` begins.
    public struct Origin: Sendable, Equatable {
        public var start: Start
        public var seed: String
        public var secrets: KnownSecrets

        public init(start: Start, seed: String, secrets: KnownSecrets = KnownSecrets()) {
            self.start = start
            self.seed = seed
            self.secrets = secrets
        }
    }

    /// A command and its answer.
    public struct Exchange: Sendable, Equatable {
        public var command: [UInt8]
        /// Nil when the power was lost before there was one.
        public var answer: [UInt8]?
        public var locality: Locality

        public init(command: [UInt8], answer: [UInt8]?, locality: Locality = .zero) {
            self.command = command
            self.answer = answer
            self.locality = locality
        }
    }

    /// What happened to the TPM.
    public enum Event: Sendable, Equatable {
        /// The clock was turned, and shows so many microseconds.
        case clock(UInt64)
        case command(Exchange)
        case powerOff
        /// TPM_Init.
        case powerOn
        /// ``TestTPM/presencePin`` was set.
        case presence(Bool)
        /// ``TestTPM/storeFault`` was set.
        case store(StoreFault?)
        /// ``TestTPM/randomFault`` was set.
        case random(TestRandom.Fault?)
    }

    /// Nil for a TPM that is no ``TestTPM``.
    public var origin: Origin?
    public var events: [Event]

    public init(origin: Origin? = nil, events: [Event] = []) {
        self.origin = origin
        self.events = events
    }

    /// The commands with their answers.
    public var exchanges: [Exchange] {
        events.compactMap { if case .command(let exchange) = $0 { exchange } else { nil } }
    }
}

/// Writes down what happens to a ``TestTPM``, and when.
struct SessionRecorder: Sendable {
    private(set) var recording: Recording
    private var time: UInt64 = 0

    init(_ origin: Recording.Origin) { recording = Recording(origin: origin) }

    /// - Parameter now: what the clock shows; it is noted when that is something else than before.
    mutating func note(_ event: Recording.Event, at now: UInt64) {
        if now != time {
            time = now
            recording.events.append(.clock(now))
        }
        recording.events.append(event)
    }
}
