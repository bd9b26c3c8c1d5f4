import Glibc
import Synchronization
import TPMClient
import TPMCrypto
import TPMServer
import TPMWire

/// The way to a TPM 1.2: a connection for each call, so that others can use the TPM in between and that nothing has to be
/// mended after it was gone; and one call at a time.
final class TPM12Access: Sendable {
    let kind: AnchorHardware.Kind
    let options: AnchorOptions
    private let connect: @Sendable (Duration) throws -> any Transport
    private let turn = Mutex(())

    /// In microseconds.
    private static let pause: UInt32 = 20_000

    init(_ address: TPMAddress, _ options: AnchorOptions) {
        kind = .tpm12
        self.options = options
        connect = { try address.open(timeout: $0) }
    }

    init(_ tpm: EmbeddedTPM, _ options: AnchorOptions) {
        kind = .software
        self.options = options
        connect = { _ in SoftwareTransport(tpm) }
    }

    var srkAuth: Secret { options.storageRootKey.authData }

    /// Runs `body` with a connection; from the beginning again while the TPM has no room or no time.
    ///
    /// - Parameter patient: whether its commands make keys, which takes longer.
    func use<T: Sendable>(patient: Bool = false, _ body: (TPMClient) throws -> T) throws(AnchorError) -> T {
        do {
            return try turn.withLock { _ in
                let start = ContinuousClock.now
                while true {
                    // In a function of its own, so that the connection is closed before the next.
                    if let result = try once(patient, until: start + options.patience, body) { return result }
                    usleep(Self.pause)
                }
            }
        } catch {
            throw AnchorError(tpm12: error)
        }
    }

    /// Nil when it is worth another try.
    private func once<T: Sendable>(
        _ patient: Bool, until end: ContinuousClock.Instant, _ body: (TPMClient) throws -> T
    ) throws -> T? {
        let client = TPMClient(try connect(patient ? options.timeout * 10 : options.timeout))
        do {
            return try body(client)
        } catch let error as ClientError {
            guard let result = error.result, result.passes, .now < end else { throw error }
            if result.isSelfTest { try client.execute(ContinueSelfTest.self, .init()) }
            if result.isRoom, options.isOnlyUser { removeAll(client) }
            return nil
        }
    }

    /// Removes the keys and the sessions that are loaded. What the owner keeps loaded stays.
    private func removeAll(_ client: TPMClient) {
        for kind in [ResourceType.key, .auth, .trans] {
            for handle in (try? client.handles(of: kind)) ?? [] {
                _ = try? client.execute(FlushSpecific.self, .init(handle: handle, resourceType: kind))
            }
        }
    }
}

extension TPMResult {
    /// Whether the command may be taken a little later.
    fileprivate var passes: Bool { self == .retry || isSelfTest || isRoom }

    fileprivate var isSelfTest: Bool { self == .needsSelfTest || self == .doingSelfTest }

    /// Whether there was no place for a session or a key.
    fileprivate var isRoom: Bool { self == .resources || self == .noSpace }
}

extension AnchorError {
    /// From what a call to a TPM 1.2 throws, unless a more fitting error is known.
    init(tpm12 error: any Error) {
        switch error {
        case let error as AnchorError: self = error
        case ClientError.transport(let sentence): self = .unreachable("\(sentence).")
        case let error as ClientError: self = Self.refusal(error)
        default: self = .failed("\(error).")
        }
    }

    private static func refusal(_ error: ClientError) -> AnchorError {
        switch error.result {
        case .defendLockRunning?: .lockedOut("\(error)")
        case .resources?, .noSpace?, .retry?:
            .busy("\(error) End what else uses the TPM, or say that the anchor is its only user.")
        case .disabled?, .deactivated?:
            .unfit("\(error) Enable and activate the TPM in the firmware's settings.")
        case .noSRK?: .otherHardware("The TPM has no owner.")
        case .invalidPostInit?: .unfit("\(error) The firmware has to start the TPM.")
        default: .failed("\(error)")
        }
    }
}

/// Runs a command that the owner authorizes, with the one session or the second.
func asOwner<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as ClientError where [.authFail, .auth2Fail].contains(error.result) {
        throw AnchorError.wrongOwner("\(error)")
    }
}

/// Runs a command that the storage root key authorizes, with the first session.
func usingStorageRootKey<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as ClientError where error.result == .authFail {
        throw AnchorError.unfit("The TPM's storage root key has another authorization than was given: \(error)")
    }
}
