import TPMCrypto
import TPMWire

/// What a manager and a guest's engine in a child process send each other: four bytes with the count of what follows,
/// the highest first, one byte that says what it is, and a body.
///
/// Two sockets carry them, so that neither ever has two senders' requests in it: over ``EngineDescriptor/store`` the
/// engine asks (``StoreRequest``) and tells (``EngineNotice``), over ``EngineDescriptor/orders`` the manager asks
/// (``EngineOrder``). Who asks waits for the ``EngineAnswer`` before it asks again.
struct EngineFrame: Sendable {
    /// The largest state in bytes, many times that of the fullest TPM.
    static let maximumState = 1 << 20
    /// The largest count: that of a state.
    static let maximumCount = 1 + maximumState
    /// The longest text in bytes.
    static let maximumText = 1024

    let kind: UInt8
    let body: Secret

    init(_ kind: some RawRepresentable<UInt8>, _ body: Secret = Secret(count: 0)) {
        self.init(kind: kind.rawValue, body: body)
    }

    init(kind: UInt8, body: Secret) {
        self.kind = kind
        self.body = body
    }

    /// As it is sent.
    var bytes: Secret { Secret(UInt32(clamping: 1 + body.count).bigEndianBytes + [kind]) + body }
}

/// The descriptors that an engine is started with.
enum EngineDescriptor {
    static let store: Int32 = 3
    static let orders: Int32 = 4
    /// The first of the sockets that listen.
    static let firstListener: Int32 = 5
}

/// What an engine asks of its manager: the calls of a ``StateStore``, and keys.
enum StoreRequest: UInt8 {
    /// Four bytes of milliseconds and one that is not 0 when the state has to go on.
    case lock = 1
    case release
    /// Answered by the state, or nothing.
    case load
    /// A state.
    case save
    /// Answered by the volatile state, or nothing.
    case loadVolatile
    /// A volatile state; nothing to remove it.
    case saveVolatile
    /// A key of 2048 bits and the exponent 65537. Answered by the modulus and the two primes, or by nothing when there
    /// is none ready or the guest had its share.
    case keyPair
}

/// What an engine tells its manager, without an answer.
enum EngineNotice: UInt8 {
    /// It serves.
    case started = 0x40
    /// It ends, and a text says why.
    case failed
    /// A message for the log: one byte of the level and a text.
    case message
}

/// What a manager asks of an engine.
enum EngineOrder: UInt8 {
    /// Finishes the running command and ends; the end is the answer.
    case stop = 1
    /// Keeps the volatile state in the store.
    case suspend
    /// Answered by 24 digests of 20 bytes, or nothing without power.
    case readPCRs
    /// Answered by eight bytes with the count of answered commands, four with that of clients, and one that is 1 when the
    /// TPM has power.
    case figures
}

/// How a request or an order was answered.
enum EngineAnswer: Sendable {
    case done(Secret)
    case failed(StoreError)

    private enum Kind: UInt8 {
        case done
        /// Four bytes of a TPM's return code and a text.
        case failed
    }

    static let done = EngineAnswer.done(Secret(count: 0))

    var frame: EngineFrame {
        switch self {
        case .done(let body): EngineFrame(Kind.done, body)
        case .failed(let error):
            EngineFrame(
                Kind.failed,
                Secret(error.result.rawValue.bigEndianBytes + error.description.utf8.prefix(EngineFrame.maximumText)))
        }
    }

    /// Nil for a frame that is no answer.
    init?(_ frame: EngineFrame) {
        switch Kind(rawValue: frame.kind) {
        case .done: self = .done(frame.body)
        case .failed:
            guard frame.body.count >= 4 else { return nil }
            self = .failed(
                StoreError(
                    frame.body.dropFirst(4).asText,
                    result: TPMResult(rawValue: UInt32(bigEndian: frame.body.prefix(4).bytes))))
        case nil: return nil
        }
    }
}

extension Secret {
    /// The text that an engine or a manager sent: no more than ``EngineFrame/maximumText`` bytes of it, and in one line.
    var asText: String {
        let text = String(decoding: prefix(EngineFrame.maximumText).bytes, as: UTF8.self)
        return String(text.unicodeScalars.map { $0.properties.generalCategory.isShown ? Character($0) : " " })
    }
}

extension Unicode.GeneralCategory {
    /// False for what could make a line of a log look like two, or like another.
    fileprivate var isShown: Bool {
        switch self {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
