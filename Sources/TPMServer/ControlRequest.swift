import TPMCrypto
import TPMEngine

/// A request of swtpm's control protocol (swtpm_ioctl(8)): a number of four bytes and its operands, big endian.
enum ControlRequest: Equatable, CustomStringConvertible {
    case getCapability
    case initialise(forgetsVolatile: Bool)
    case shutdown
    case getEstablished
    case setLocality(UInt8)
    case hashStart
    case hashData([UInt8])
    case hashEnd
    case cancel
    case storeVolatile
    case resetEstablished(locality: UInt8)
    case getState(wantsDecrypted: Bool, type: UInt32, offset: UInt32)
    case setState(isEncrypted: Bool, type: UInt32, [UInt8])
    case stop
    case getConfig
    case setDataDescriptor
    case setBufferSize(UInt32)
    case getInfo(flags: UInt64, offset: UInt32)
    case lockStorage(retries: UInt32)
    case unknown(UInt32)

    /// Its name in the field, with the operands that are short, and hold no secret.
    var description: String {
        switch self {
        case .getCapability: "GET_CAPABILITY"
        case .initialise(let forgetsVolatile): forgetsVolatile ? "INIT, which deletes the volatile state" : "INIT"
        case .shutdown: "SHUTDOWN"
        case .getEstablished: "GET_TPMESTABLISHED"
        case .setLocality(let locality): "SET_LOCALITY \(locality)"
        case .hashStart: "HASH_START"
        case .hashData(let data): "HASH_DATA of \(data.count) bytes"
        case .hashEnd: "HASH_END"
        case .cancel: "CANCEL_TPM_CMD"
        case .storeVolatile: "STORE_VOLATILE"
        case .resetEstablished(let locality): "RESET_TPMESTABLISHED at locality \(locality)"
        case .getState(_, let type, let offset): "GET_STATEBLOB of type \(type) from \(offset)"
        case .setState(_, let type, let bytes): "SET_STATEBLOB of type \(type) with \(bytes.count) bytes"
        case .stop: "STOP"
        case .getConfig: "GET_CONFIG"
        case .setDataDescriptor: "SET_DATAFD"
        case .setBufferSize(let size): "SET_BUFFERSIZE \(size)"
        case .getInfo(let flags, _): "GET_INFO \(flags)"
        case .lockStorage(let retries): "LOCK_STORAGE with \(retries) tries"
        case .unknown(let number): "the number \(number), which is none of its requests"
        }
    }

    /// Bits of what is supported: GET_CAPABILITY's answer names each request but itself.
    static let capabilities: UInt64 = 0x1_7fff

    /// What the bytes so far are.
    enum Parsed: Equatable {
        case needsMore
        case request(ControlRequest)
        /// It says that more bytes follow than any request has.
        case tooLong
    }

    /// The most bytes that may follow the operands.
    static let maximumData = StateDirectory.maximumSize

    /// Reads a request. Clients write one in one piece and wait for its answer, some with bytes of padding at its end,
    /// so what follows the operands belongs to it.
    static func parse(_ bytes: [UInt8]) -> Parsed {
        var reader = Reader(bytes)
        guard let number = reader.uint32() else { return .needsMore }
        let request: ControlRequest? =
            switch number {
            case 1: .getCapability
            case 2: reader.uint32().map { .initialise(forgetsVolatile: $0 & 1 != 0) }
            case 3: .shutdown
            case 4: .getEstablished
            case 5: reader.uint8().map { .setLocality($0) }
            case 6: .hashStart
            case 7: reader.data().map { .hashData($0) }
            case 8: .hashEnd
            case 9: .cancel
            case 10: .storeVolatile
            case 11: reader.uint8().map { .resetEstablished(locality: $0) }
            case 12:
                reader.three().map { .getState(wantsDecrypted: $0 & 1 != 0, type: $1, offset: $2) }
            case 13: reader.state()
            case 14: .stop
            case 15: .getConfig
            case 16: .setDataDescriptor
            case 17: reader.uint32().map { .setBufferSize($0) }
            case 18: reader.info()
            case 19: reader.uint32().map { .lockStorage(retries: $0) }
            default: .unknown(number)
            }
        if reader.isTooLong { return .tooLong }
        return request.map { .request($0) } ?? .needsMore
    }

    /// Reads operands; nil where there are too few bytes.
    private struct Reader {
        private var rest: ArraySlice<UInt8>
        private(set) var isTooLong = false

        init(_ bytes: [UInt8]) { rest = bytes[...] }

        mutating func uint8() -> UInt8? { rest.popFirst() }

        mutating func uint32() -> UInt32? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return UInt32(bigEndian: rest.prefix(4))
        }

        mutating func three() -> (UInt32, UInt32, UInt32)? {
            guard let first = uint32(), let second = uint32(), let third = uint32() else { return nil }
            return (first, second, third)
        }

        /// As many bytes as four bytes before them say.
        mutating func data() -> [UInt8]? {
            guard let length = uint32() else { return nil }
            isTooLong = length > UInt32(ControlRequest.maximumData)
            guard !isTooLong, rest.count >= Int(length) else { return nil }
            return Array(rest.prefix(Int(length)))
        }

        mutating func state() -> ControlRequest? {
            guard let flags = uint32(), let type = uint32(), let bytes = data() else { return nil }
            return .setState(isEncrypted: flags & 2 != 0, type: type, bytes)
        }

        /// Eight bytes of flags, four of offset, four of padding.
        mutating func info() -> ControlRequest? {
            guard let (high, low, offset) = three(), uint32() != nil else { return nil }
            return .getInfo(flags: UInt64(high) << 32 | UInt64(low), offset: offset)
        }
    }
}
