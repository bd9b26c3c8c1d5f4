import Glibc
import TPMCrypto
import TPMEngine
import TPMWire

/// What a control channel governs beside the TPM itself.
protocol Board: AnyObject {
    var queue: CommandQueue { get }
    /// At which commands arrive from here on.
    var locality: Locality { get set }
    /// True when SET_LOCALITY takes 0 to 3 only.
    var rejectsLocality4: Bool { get }
    var ciphers: BlobCiphers { get }

    /// False when commands already arrive another way.
    var takesData: Bool { get }

    /// Takes TPM commands from a connected socket, which is the board's from here on.
    func serveData(_ descriptor: Int32)

    /// Tells the log of a request.
    func received(_ request: ControlRequest)

    /// Ends the program when the answer was sent.
    func shutDown()
}

/// The keys that hide a state on its way.
struct BlobCiphers: Sendable {
    /// Of the files in the state directory.
    var file: StateCipher?
    /// Of every state that leaves; it takes the place of the other.
    var migration: StateCipher?
}

/// swtpm's control protocol (swtpm_ioctl(8)), which QEMU speaks: a request is a number and its operands, an answer
/// begins with a result, 0 for success or a TPM's return code; a result that is none has nothing behind it.
///
/// The requests act on the TPM in order with the commands. Only what cancels one does not wait for it.
final class ControlConversation: Conversation {
    private unowned let board: any Board
    private var buffer: [UInt8] = []
    private var descriptors: [Int32] = []
    /// How long INIT waits for the process that has the state, in milliseconds: it may be just ending.
    private static let patience = 3000
    /// LOCK_STORAGE counts in tries of ten milliseconds; more than a minute is none.
    private static let maximumPatience = 60_000

    init(_ board: any Board) { self.board = board }

    deinit { closeAll(descriptors) }

    var isInRequest: Bool { !buffer.isEmpty }

    func append(_ bytes: UnsafeRawBufferPointer, _ descriptors: [Int32]) {
        buffer.append(contentsOf: bytes)
        // The first is the one that counts, with whichever part of its request it came.
        if self.descriptors.isEmpty { self.descriptors = descriptors } else { closeAll(descriptors) }
    }

    func proceed(for client: any CommandClient) -> ConversationStep {
        switch ControlRequest.parse(buffer) {
        case .needsMore: return .needsMore
        case .tooLong:
            startAnew()
            return .last(Self.result(.badParameter), reason: "A control client announced more data than a request has.")
        case .request(let request):
            let descriptors = descriptors
            self.descriptors = []
            startAnew()
            return act(on: request, descriptors, for: client)
        }
    }

    func end(for client: any CommandClient) { board.queue.withdraw(client) }

    private func startAnew() {
        wipe(&buffer)
        buffer = []
        closeAll(descriptors)
        descriptors = []
    }

    private func act(
        on request: ControlRequest, _ descriptors: [Int32], for client: any CommandClient
    ) -> ConversationStep {
        board.received(request)
        if case .setDataDescriptor = request { return .answer(Self.result(takeData(descriptors))) }
        closeAll(descriptors)
        switch request {
        case .getCapability:
            let capabilities = ControlRequest.capabilities
            return .answer(
                UInt32(capabilities >> 32).bigEndianBytes + UInt32(truncatingIfNeeded: capabilities).bigEndianBytes)
        case .setLocality(let number):
            guard let locality = Locality(rawValue: number), locality != .four || !board.rejectsLocality4 else {
                return .answer(Self.result(.badLocality))
            }
            board.locality = locality
            return .answer(Self.result(.success))
        case .getConfig:
            let flags: UInt32 = (board.ciphers.file == nil ? 0 : 1) | (board.ciphers.migration == nil ? 0 : 2)
            return .answer(Self.result(.success) + flags.bigEndianBytes)
        case .getInfo(let flags, let offset): return .answer(Self.information(flags, from: offset))
        case .shutdown:
            board.shutDown()
            return .answer(Self.result(.success))
        case .cancel:
            board.queue.cancel()
            return .answer(Self.result(.success))
        default: break
        }
        let ciphers = board.ciphers
        board.queue.perform(for: client) { Self.act(on: request, $0, ciphers) }
        return .comesLater
    }

    /// SET_DATAFD.
    private func takeData(_ descriptors: [Int32]) -> TPMResult {
        guard board.takesData else {
            closeAll(descriptors)
            return .ioError
        }
        closeAll(Array(descriptors.dropFirst()))
        guard let descriptor = descriptors.first else { return .badParameter }
        guard StreamSocket(descriptor) != nil else {
            close(descriptor)
            return .ioError
        }
        board.serveData(descriptor)
        return .success
    }

    // MARK: On the TPM

    private static func act(on request: ControlRequest, _ tpm: TPMInstance, _ ciphers: BlobCiphers) -> [UInt8] {
        do throws(ControlFailure) {
            return try result(.success) + answer(to: request, tpm, ciphers)
        } catch {
            if let sentence = error.sentence { tpm.note(sentence) }
            return result(error.result) + error.padding
        }
    }

    /// What follows the result.
    private static func answer(
        to request: ControlRequest, _ tpm: TPMInstance, _ ciphers: BlobCiphers
    ) throws(ControlFailure) -> [UInt8] {
        switch request {
        case .initialise(let forgetsVolatile):
            try onStore { () throws(StoreError) in
                try tpm.powerOn(forgettingVolatile: forgetsVolatile, waiting: patience)
            }
            return []
        case .stop:
            tpm.powerOff()
            return []
        case .lockStorage(let retries):
            let wait = min(Int(retries), maximumPatience / 10) * 10
            try onStore { () throws(StoreError) in try tpm.lockStore(waiting: wait) }
            return []
        case .setState(let isEncrypted, let type, let bytes):
            try setState(bytes, isEncrypted, type, tpm, ciphers)
            return []
        case .setBufferSize(let size):
            // Zero asks.
            guard size == 0 || !tpm.hasPower else { throw ControlFailure(.badOrdinal) }
            if size != 0 { tpm.bufferSize = Int(clamping: size) }
            let sizes = [tpm.bufferSize, TPMInstance.bufferSizes.lowerBound, TPMInstance.bufferSizes.upperBound]
            return sizes.flatMap { UInt32(clamping: $0).bigEndianBytes }
        default: break
        }
        guard tpm.hasPower else { throw ControlFailure(.badOrdinal) }
        switch request {
        case .getEstablished: return [tpm.isEstablished ? 1 : 0, 0, 0, 0]
        case .resetEstablished(let number):
            guard let locality = Locality(rawValue: number) else { throw ControlFailure(.badLocality) }
            try check(tpm.resetEstablished(at: locality))
        case .hashStart: try check(tpm.signal { $0.hashStart() })
        case .hashData(let data): try check(tpm.signal { $0.hashData(data) })
        case .hashEnd: try check(tpm.signal { $0.hashEnd() })
        case .storeVolatile: try onStore { () throws(StoreError) in try tpm.suspend() }
        case .getState(let wantsDecrypted, let type, let offset):
            return try state(type, from: offset, wantsDecrypted, tpm, ciphers)
        default: throw ControlFailure(.badOrdinal)
        }
        return []
    }

    /// GET_STATEBLOB: the flags of the state, its length from `offset` on, how many bytes follow, and these.
    private static func state(
        _ type: UInt32, from offset: UInt32, _ wantsDecrypted: Bool, _ tpm: TPMInstance, _ ciphers: BlobCiphers
    ) throws(ControlFailure) -> [UInt8] {
        let nothing = [UInt8](repeating: 0, count: 12)
        guard let blob = StateBlob(rawValue: type) else { throw ControlFailure(.retry, padding: nothing) }
        let plain = try onStore { () throws(StoreError) in try tpm.save(blob) }
        guard plain.count > 0 else { throw ControlFailure(.retry, padding: nothing) }
        let cipher = ciphers.migration ?? (wantsDecrypted ? nil : ciphers.file)
        let bytes: Secret
        do throws(StateCipherError) { bytes = try cipher?.seal(plain) ?? plain } catch {
            throw ControlFailure(.fail, "The \(blob) state \(error)")
        }
        let flags: UInt32 = cipher == nil ? 0 : 2
        let rest = bytes.bytes.dropFirst(Int(offset))
        let length = UInt32(clamping: rest.count)
        return flags.bigEndianBytes + length.bigEndianBytes + length.bigEndianBytes + rest
    }

    private static func setState(
        _ bytes: [UInt8], _ isEncrypted: Bool, _ type: UInt32, _ tpm: TPMInstance, _ ciphers: BlobCiphers
    ) throws(ControlFailure) {
        guard !tpm.hasPower else { throw ControlFailure(.badOrdinal, "A state cannot be loaded into a running TPM.") }
        guard let blob = StateBlob(rawValue: type) else { throw ControlFailure(.badParameter) }
        guard !bytes.isEmpty else { return }
        let cipher = isEncrypted ? ciphers.migration ?? ciphers.file : ciphers.migration
        let plain: Secret
        do throws(StateCipherError) { plain = try StateCipher.open(bytes, with: cipher) } catch {
            throw ControlFailure(.badParameter, "The \(blob) state that was sent \(error)")
        }
        do throws(StoreError) { try tpm.load(plain, as: blob) } catch {
            throw ControlFailure(.badParameter, error.description)
        }
    }

    private static func check(_ result: TPMResult) throws(ControlFailure) {
        guard result == .success else { throw ControlFailure(result) }
    }

    private static func onStore<T>(_ body: () throws(StoreError) -> T) throws(ControlFailure) -> T {
        do throws(StoreError) { return try body() } catch { throw ControlFailure(error.result, error.description) }
    }

    // MARK: Answers

    private static func result(_ result: TPMResult) -> [UInt8] { result.rawValue.bigEndianBytes }

    /// GET_INFO: the size of the whole text with the zero that ends it, how many bytes follow, and these.
    private static func information(_ flags: UInt64, from offset: UInt32) -> [UInt8] {
        let text = Array(TPMInformation.json(flags).utf8) + [0]
        guard text.count >= Int(offset) else { return result(.badParameter) }
        let rest = text.dropFirst(Int(offset))
        return result(.success) + UInt32(clamping: text.count).bigEndianBytes
            + UInt32(clamping: rest.count).bigEndianBytes + rest
    }
}

/// Why a request was not met: what is answered, and what the log says of it.
private struct ControlFailure: Error {
    let result: TPMResult
    let sentence: String?
    /// What follows the result where a client expects it.
    let padding: [UInt8]

    init(_ result: TPMResult, _ sentence: String? = nil, padding: [UInt8] = []) {
        self.result = result
        self.sentence = sentence
        self.padding = padding
    }
}
