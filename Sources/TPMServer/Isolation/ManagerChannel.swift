import Glibc
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import TPMWire

/// The engine's end of the socket to its manager: a request and its answer at a time, from any thread, which waits.
///
/// Without its manager an engine has nothing to serve for: when the socket is closed, the process ends.
final class ManagerChannel: Sendable {
    private let descriptor: Int32
    /// Held from a request to its answer.
    private let asking = Mutex(())
    /// Held while a frame is written.
    private let writing = Mutex(())

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func ask(_ request: StoreRequest, _ body: Secret = Secret(count: 0)) throws(StoreError) -> Secret {
        let answer = asking.withLock { _ in
            write(EngineFrame(request, body))
            return EngineAnswer(read())
        }
        switch answer {
        case .done(let body): return body
        case .failed(let error): throw error
        case nil: leave()
        }
    }

    func tell(_ notice: EngineNotice, _ body: Secret = Secret(count: 0)) { write(EngineFrame(notice, body)) }

    /// Tells why the engine ends.
    func tell(failure: any Error) {
        tell(.failed, Secret(Array("\(failure)".utf8.prefix(EngineFrame.maximumText))))
    }

    private func write(_ frame: EngineFrame) {
        writing.withLock { _ in
            frame.bytes.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let part = UnsafeRawBufferPointer(rebasing: rest)
                    let count = Glibc.send(descriptor, part.baseAddress, part.count, Int32(MSG_NOSIGNAL))
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { leave() }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }

    private func read() -> EngineFrame {
        let reader = FrameReader(maximumCount: EngineFrame.maximumCount)
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { leave() }
                // One answer comes for one request, so nothing is behind it.
                var bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])[...]
                do throws(FrameError) {
                    if let frame = try reader.next(&bytes) { return frame }
                } catch { leave() }
            }
        }
    }

    private func leave() -> Never { _exit(EXIT_FAILURE) }
}

extension ManagerChannel: StateStore {
    func lock(waiting milliseconds: Int, continues: Bool) throws(StoreError) {
        _ = try ask(.lock, Secret(UInt32(clamping: milliseconds).bigEndianBytes + [continues ? 1 : 0]))
    }

    func release() { _ = try? ask(.release) }

    func load() throws(StoreError) -> TPMState? {
        let bytes = try ask(.load)
        guard bytes.count > 0 else { return nil }
        do throws(StateFormatError) {
            return try bytes.withArray { bytes throws(StateFormatError) in try TPMState(serialised: bytes) }
        } catch {
            throw StoreError("The stored state \(error). It was left as it is.")
        }
    }

    func save(_ state: TPMState) throws(StoreError) {
        let bytes: Secret
        do throws(StateFormatError) { bytes = try state.serialised() } catch { throw StoreError("The state \(error).") }
        guard bytes.count <= EngineFrame.maximumState else {
            throw StoreError("The state has \(bytes.count) bytes, which is too many.", result: .noSpace)
        }
        _ = try ask(.save, bytes)
    }

    func loadVolatile() throws(StoreError) -> Secret? {
        let bytes = try ask(.loadVolatile)
        return bytes.count > 0 ? bytes : nil
    }

    func saveVolatile(_ bytes: Secret?) throws(StoreError) {
        if let bytes, bytes.count > EngineFrame.maximumState {
            throw StoreError("The volatile state has \(bytes.count) bytes, which is too many.", result: .noSpace)
        }
        _ = try ask(.saveVolatile, bytes ?? Secret(count: 0))
    }
}

/// Keys from the manager, as long as it gives any; others are made here.
extension ManagerChannel: KeyPairSource {
    private static let bits = 2048
    private static let exponent: UInt32 = 65537

    func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        if bits == Self.bits, exponent == Self.exponent, let pair = readyKeyPair() { return pair }
        return try RSAKeyGenerator.generate(bits: bits, exponent: exponent, random: SystemRandom())
    }

    private func readyKeyPair() -> RSAPrimes? {
        let (size, half) = (Self.bits / 8, Self.bits / 16)
        guard let key = try? ask(.keyPair), key.count == size + 2 * half else { return nil }
        return RSAPrimes(
            modulus: key.prefix(size).bytes, exponent: Self.exponent, p: key.dropFirst(size).prefix(half),
            q: key.dropFirst(size + half))
    }
}

/// A log that a manager writes.
struct ManagerLogHandler: LogHandler {
    let channel: ManagerChannel
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let text = "\(event.message)".utf8.prefix(EngineFrame.maximumText)
        channel.tell(.message, Secret([event.level.number] + text))
    }
}

extension Logger.Level {
    /// Its place among all, 0 for the least.
    var number: UInt8 { UInt8(clamping: Self.allCases.firstIndex(of: self) ?? 0) }

    /// Nil for a number that no level has.
    init?(number: UInt8) {
        guard Self.allCases.indices.contains(Int(number)) else { return nil }
        self = Self.allCases[Int(number)]
    }
}
