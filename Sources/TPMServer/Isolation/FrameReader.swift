import TPMCrypto

/// Puts frames together from the bytes that arrive. It holds no more than one, whose size it knows before it takes any of
/// its bytes, and wipes what it held.
final class FrameReader {
    private let maximumCount: Int
    private var header: [UInt8] = []
    private var body: [UInt8] = []
    private var missing = 0

    private static let headerSize = 5

    init(maximumCount: Int) { self.maximumCount = maximumCount }

    deinit { wipe(&body) }

    /// True when a frame began and did not end.
    var isInFrame: Bool { !header.isEmpty }

    /// The frame that ends in `bytes`, of which it takes as many as it needs; nil when it took all and needs more.
    ///
    /// - Throws: on a count of 0 or more than the maximum; nothing behind it can be understood.
    func next(_ bytes: inout Slice<UnsafeRawBufferPointer>) throws(FrameError) -> EngineFrame? {
        if header.count < Self.headerSize {
            let part = bytes.prefix(Self.headerSize - header.count)
            header.append(contentsOf: part)
            bytes = bytes.dropFirst(part.count)
            guard header.count == Self.headerSize else { return nil }
            let count = UInt32(bigEndian: header.prefix(4))
            guard 1...UInt32(clamping: maximumCount) ~= count else { throw FrameError(count: count) }
            missing = Int(count) - 1
            // Once, so that the bytes never move and leave copies behind.
            body.reserveCapacity(missing)
        }
        let part = bytes.prefix(missing)
        body.append(contentsOf: part)
        bytes = bytes.dropFirst(part.count)
        missing -= part.count
        guard missing == 0, let kind = header.last else { return nil }
        let frame = EngineFrame(kind: kind, body: Secret(body))
        wipe(&body)
        body = []
        header = []
        return frame
    }
}

/// Why a stream of frames ends.
struct FrameError: Error, CustomStringConvertible {
    let count: UInt32

    var description: String { "a frame of \(count) bytes, which none has" }
}
