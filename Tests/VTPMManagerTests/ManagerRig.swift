import Emulators
import Foundation
import HardwareAnchor
import Logging
import TPMClient
import TPMCrypto
import TPMWire

@testable import VTPMManager

/// A host with a manager: a state directory, sockets, and a hardware TPM, which is Debian's swtpm as a TPM 1.2 or one of
/// this program's own.
final class ManagerRig {
    let directory: String
    let hardware: HardwareTPM?
    var configuration: ManagerConfiguration
    private(set) var manager: Manager?
    let recoveryKey: RecoveryPrivateKey
    let approvalKey: Ed25519PrivateKey

    static let owner = AnchorAuthorization.passphrase(Secret(Array("owner".utf8)))
    static let nonce = Hexadecimal.encode((0..<20).map { UInt8($0) })

    /// - Parameter hasHardware: starts swtpm; otherwise the anchor is a software TPM.
    init(hasHardware: Bool = false, approves: Bool = false) throws {
        directory =
            FileManager.default.temporaryDirectory.appendingPathComponent("mgr-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        configuration = ManagerConfiguration()
        configuration.directory = "\(directory)/state"
        configuration.guests.sockets = "\(directory)/guests"
        configuration.guests.threads = 1
        configuration.keys.pool = 0
        recoveryKey = try RecoveryPrivateKey.generate(bits: 2048)
        approvalKey = try Ed25519PrivateKey.generate()
        hardware = hasHardware ? try Self.ownedTPM() : nil
        configuration.anchor.address =
            if let hardware { .tpm12(.unix(path: hardware.socket)) } else {
                .software(directory: "\(directory)/anchor")
            }
        configuration.anchor.options = AnchorOptions(timeout: .seconds(20), isOnlyUser: true)
        try setup.initialise(
            recoveryKey: recoveryKey.publicKey,
            group: GroupRequest(
                name: "", approvalKey: approves ? approvalKey.publicKey.pem : nil, pcrs: approves ? [4, 7] : nil))
    }

    deinit {
        manager?.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var setup: ManagerSetup { ManagerSetup(configuration, owner: Self.owner) }

    private static func ownedTPM() throws -> HardwareTPM {
        let hardware = try HardwareTPM(.tpm12)
        let client = TPMClient(try TPMAddress.unix(path: hardware.socket).open())
        _ = try? client.createEndorsementKey()
        try client.takeOwnership(owner: Secret(passphrase: Secret(Array("owner".utf8))))
        return hardware
    }

    /// Puts another TPM in the place of the hardware.
    func exchangeHardware() throws { try hardware?.swap(with: try Self.ownedTPM()) }

    // MARK: The manager

    @discardableResult
    func start() throws -> Manager {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let manager = try Manager(configuration, logger: logger)
        self.manager = manager
        try manager.start()
        return manager
    }

    func stop() {
        manager?.stop()
        manager = nil
    }

    /// Runs `body` with a manager that has ended, hardware and all, when this returns.
    func session<Result>(_ body: (Manager) throws -> Result) throws -> Result {
        defer { stop() }
        return try body(try start())
    }

    /// Starts a manager that is to be refused, and returns why.
    func refusal() -> ManagerError? {
        defer { stop() }
        do {
            try start()
            return nil
        } catch { return error as? ManagerError }
    }

    // MARK: Guests and hardware

    /// The TPM of a guest whose interface is raw.
    func client(_ report: GuestReport) throws -> TPMClient {
        TPMClient(try TPMAddress.unix(path: report.socket ?? "").open(timeout: .seconds(10)))
    }

    /// Measures something into a PCR of the host, as the firmware does.
    func extendHost(_ index: UInt32, _ text: String) throws {
        guard let hardware else { return }
        let client = TPMClient(try TPMAddress.unix(path: hardware.socket).open())
        _ = try client.extend(index, with: SHA1.hash(Array(text.utf8)))
    }

    /// A list that approves what the host holds now, after `text` was measured into PCR 4.
    func approval(of manager: Manager, sequence: UInt64? = nil, extending text: String) throws -> SignedApproval {
        var list = try manager.approvals(of: "default")
        let present = try manager.readHostPCRs([4, 7])
        var values = present.values
        values[4] = SHA1.hash(Digest(values[4] ?? []) ?? .zero, SHA1.hash(Array(text.utf8))).bytes
        list.configurations.append(.init(name: text, try PCRConfiguration(.sha1, values)))
        list.sequence = sequence ?? list.sequence + 1
        let json = try JSONEncoder().encode(list)
        return SignedApproval(list: json, signature: Data(try approvalKey.sign([UInt8](json))))
    }
}
