import TPMClient
import TPMCrypto
import TPMWire

/// Where a guest's TPM keeps a number that only grows.
enum Place: String, CaseIterable, Sendable {
    /// An NV area that the owner writes.
    case ownersArea = "owners-area"
    /// An NV area with a secret of its own.
    case area
    /// A monotonic counter.
    case counter

    /// The number fills its area, so that one that was written in part shows.
    private static let areaSize = 256
    private static let copies = areaSize / 8

    private var index: UInt32 { self == .ownersArea ? 0x1200 : 0x1201 }

    /// What authorizes a write.
    var secret: Secret { self == .ownersArea ? GuestTPM.ownerAuth : Secret(Digest(repeating: 2)) }

    /// Makes the place in an owned TPM; an area holds zero.
    func define(in client: TPMClient) throws {
        switch self {
        case .ownersArea:
            try client.defineNV(
                index, size: UInt32(Self.areaSize), permissions: [.ownerRead, .ownerWrite], owner: GuestTPM.ownerAuth)
        case .area:
            try client.defineNV(
                index, size: UInt32(Self.areaSize), permissions: [.authRead, .authWrite], auth: secret,
                owner: GuestTPM.ownerAuth)
        case .counter:
            _ = try client.createCounter(label: Array("load".utf8), auth: secret, owner: GuestTPM.ownerAuth)
            return
        }
        let session = try client.oiap(secret)
        defer { try? client.close(session) }
        try write(0, to: client, session)
    }

    /// The number that it holds.
    func read(from client: TPMClient) throws -> UInt64 {
        guard self != .counter else { return UInt64(try client.readCounter(try counter(of: client)).counter) }
        let bytes = try client.readNV(
            index, count: UInt32(Self.areaSize), as: self == .ownersArea ? .owner(secret) : .area(secret))
        let number = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        guard bytes == Self.filled(with: number) else { throw LoadFailure("LOST \(rawValue): parts of two writes") }
        return number
    }

    /// Writes a number, which for a counter is the one after that which it holds.
    ///
    /// - Parameter session: proves ``secret``.
    func write(_ number: UInt64, to client: TPMClient, _ session: Session) throws {
        let data = Self.filled(with: number)
        switch self {
        case .ownersArea:
            try client.execute(NVWriteValue.self, .init(nvIndex: index, offset: 0, data: data), session)
        case .area:
            try client.execute(NVWriteValueAuth.self, .init(nvIndex: index, offset: 0, data: data), session)
        case .counter:
            let count = try client.execute(
                IncrementCounter.self, .init(countID: try counter(of: client)), session
            ).count
            guard UInt64(count.counter) == number else {
                throw LoadFailure("LOST counter: \(count.counter) after \(number - 1)")
            }
        }
    }

    /// The only counter that a guest has.
    private func counter(of client: TPMClient) throws -> UInt32 {
        guard let handle = try client.counters().first else { throw LoadFailure("LOST counter: there is none") }
        return handle
    }

    private static func filled(with number: UInt64) -> [UInt8] {
        let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
        return Array(repeatElement(bytes, count: copies).joined())
    }
}
