import Emulators
import Foundation
import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import HardwareAnchor

/// A machine with a hardware TPM of one kind, what was provisioned in it, and the anchor on it.
final class Rig {
    let kind: AnchorHardware.Kind
    let address: AnchorAddress
    /// Nil for the software TPM.
    let tpm: HardwareTPM?
    var options = AnchorOptions(timeout: .seconds(20))
    private(set) var material: AnchorMaterial
    private let directory: URL
    private var opened: (any HardwareAnchor)?

    static let owner = AnchorAuthorization.passphrase(Secret(Array("owner".utf8)))

    /// The owner's authorization of a kind: a TPM 2.0 has none at first.
    static func owner(of kind: AnchorHardware.Kind) -> AnchorAuthorization { kind == .tpm20 ? .wellKnown : owner }

    /// A machine whose TPM is a copy of one that was provisioned once for all tests, which is quicker than making keys.
    convenience init(_ kind: AnchorHardware.Kind) throws {
        try self.init(kind, copying: try Prepared.of(kind))
    }

    /// A machine with a TPM that is no copy of another.
    static func other(_ kind: AnchorHardware.Kind) throws -> Rig { try Rig(kind, copying: try Prepared.ofOther(kind)) }

    private init(_ kind: AnchorHardware.Kind, copying prepared: Prepared) throws {
        self.kind = kind
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("rig-\(UUID().uuidString.prefix(8))")
        if kind == .software { try FileManager.default.copyItem(at: prepared.state, to: directory) }
        tpm = kind == .software ? nil : try HardwareTPM(kind == .tpm20 ? .tpm20 : .tpm12, copying: prepared.state)
        address = Self.address(kind, tpm, directory)
        material = prepared.material
    }

    /// Takes power from the machine for good; without a call at its end a test's machine may end before.
    func end() {
        close()
        tpm?.kill()
        try? FileManager.default.removeItem(at: directory)
    }

    static func address(_ kind: AnchorHardware.Kind, _ tpm: HardwareTPM?, _ directory: URL) -> AnchorAddress {
        switch kind {
        case .software: .software(directory: directory.path)
        case .tpm12: .tpm12(.unix(path: tpm?.socket ?? ""))
        case .tpm20: .tpm20(tcti: "swtpm:path=\(tpm?.socket ?? "")")
        }
    }

    // MARK: The anchor

    /// The anchor, opened when it is first asked for.
    var anchor: any HardwareAnchor {
        get throws {
            if let opened { return opened }
            let anchor = try address.open(material, options: options)
            opened = anchor
            return anchor
        }
    }

    /// Lets the anchor go, so that the next is opened anew.
    func close() { opened = nil }

    func provision(
        as label: AnchorLabel = .usual, owner: AnchorAuthorization? = nil, keeping kept: AnchorMaterial? = nil,
        replacing: Bool = false
    ) throws -> AnchorMaterial {
        close()
        return try address.provision(
            as: label, owner: owner ?? Self.owner(of: kind), keeping: kept, replacing: replacing, options: options)
    }

    /// Provisions anew and goes on with that.
    func reprovision(keeping kept: AnchorMaterial? = nil, replacing: Bool = false) throws {
        material = try provision(keeping: kept, replacing: replacing)
    }

    func remove() throws {
        close()
        try address.remove(material, owner: Self.owner(of: kind), options: options)
    }

    // MARK: The machine

    /// Power goes and comes back; the anchor of a hardware TPM lives on.
    func restart() throws {
        if let tpm { try tpm.start() } else { close() }
    }

    /// A way to a TPM 1.2 past the anchor; to the one in this process only the anchor's own.
    func with12<T: Sendable>(_ body: (TPMClient) throws -> T) throws -> T {
        if let tpm { return try body(TPMClient(try TPMAddress.unix(path: tpm.socket).open())) }
        let anchor = try #require(try anchor as? TPM12Anchor)
        return try anchor.access.use(body)
    }

    var commands20: TPM20Commands {
        get throws { TPM20Commands(tpm: try #require(tpm)) }
    }

    /// What extends a PCR by a text makes of its value.
    static func extended(_ value: [UInt8], by text: String) -> [UInt8] {
        if value.count == Digest.byteCount { return SHA1.hash(value, SHA1.hash(Array(text.utf8))).bytes }
        return SHA256.hash(value, SHA256.hash(Array(text.utf8)))
    }

    func extend(_ index: UInt32, by text: String) throws {
        let text = Array(text.utf8)
        if kind == .tpm20 {
            try commands20.extend(index, SHA256.hash(text))
        } else {
            _ = try with12 { try $0.extend(index, with: SHA1.hash(text)) }
        }
    }

    /// How many keys and sessions are loaded.
    func loaded() throws -> Int {
        guard kind == .tpm20 else {
            return try with12 { tpm in
                try [ResourceType.key, .auth, .trans].reduce(0) { $0 + (try tpm.handles(of: $1)).count }
            }
        }
        let commands = try commands20
        return try [0x8000_0000, 0x0200_0000, 0x0300_0000].reduce(0) { $0 + (try commands.handles($1)).count }
    }
}

/// The state of a TPM in which an anchor was provisioned.
struct Prepared {
    let state: URL
    let material: AnchorMaterial

    static func of(_ kind: AnchorHardware.Kind) throws -> Prepared {
        switch kind {
        case .software: try software.get()
        case .tpm12: try tpm12.get()
        case .tpm20: try tpm20.get()
        }
    }

    static func ofOther(_ kind: AnchorHardware.Kind) throws -> Prepared {
        switch kind {
        case .software: try otherSoftware.get()
        case .tpm12: try other12.get()
        case .tpm20: try other20.get()
        }
    }

    private static let software = Result { try Prepared(.software) }
    private static let tpm12 = Result { try Prepared(.tpm12) }
    private static let tpm20 = Result { try Prepared(.tpm20) }
    private static let otherSoftware = Result { try Prepared(.software) }
    private static let other12 = Result { try Prepared(.tpm12) }
    private static let other20 = Result { try Prepared(.tpm20) }

    /// The directory goes with the process that runs the tests.
    private static let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("prepared-\(ProcessInfo.processInfo.processIdentifier)")

    private init(_ kind: AnchorHardware.Kind) throws {
        atexit { try? FileManager.default.removeItem(at: Prepared.directory) }
        state = Self.directory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: Self.directory, withIntermediateDirectories: true)
        guard kind != .software else {
            material = try AnchorAddress.software(directory: state.path).provision(owner: Rig.owner)
            return
        }
        let tpm = try HardwareTPM(kind == .tpm20 ? .tpm20 : .tpm12)
        if kind == .tpm12 {
            let client = TPMClient(try TPMAddress.unix(path: tpm.socket).open())
            try client.createEndorsementKey()
            try client.takeOwnership(owner: Rig.owner.authData)
        }
        material = try Rig.address(kind, tpm, state).provision(owner: Rig.owner(of: kind))
        tpm.kill()
        try FileManager.default.copyItem(at: tpm.state, to: state)
    }
}

extension AnchorHardware.Kind: CustomTestStringConvertible {
    public var testDescription: String { description }

    /// Those with a TPM outside this process.
    static let outside: [AnchorHardware.Kind] = [.tpm12, .tpm20]
    /// Those of the specification 1.2.
    static let of12: [AnchorHardware.Kind] = [.software, .tpm12]
}

/// The error that `body` throws, nil for none or another kind.
func anchorError(_ body: () throws -> some Any) -> AnchorError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? AnchorError
    }
}

extension AnchorError {
    /// Which of the cases, without its sentence.
    var name: String { Mirror(reflecting: self).children.first?.label ?? "" }
}

extension Secret {
    init(_ text: String) { self.init(Array(text.utf8)) }
}
