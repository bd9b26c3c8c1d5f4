import Foundation
import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire

/// A TPM of TPMTesting whose commands a test sees and whose answers it changes. A human is there.
final class TappedTPM {
    private let tpm: TestTPM
    /// Changes an answer on its way to the client.
    var tamper: (inout [UInt8]) -> Void = { _ in }
    private(set) var commands: [[UInt8]] = []
    /// A client whose nonces repeat from run to run.
    private(set) lazy var client = TPMClient(
        InProcessTransport { [unowned self] in execute($0) }, random: SeededRandom(seed: Array("nonces".utf8)))

    init(_ start: Start = .factory, seed: String = "client tests") throws {
        tpm = try TestTPM(start, seed: seed, secrets: Self.secrets)
        tpm.presencePin = true
    }

    func execute(_ command: [UInt8]) -> [UInt8] {
        commands.append(command)
        var answer = (try? tpm.execute(command)) ?? []
        tamper(&answer)
        return answer
    }

    var openSessions: Int { tpm.state?.any.sessions.sessions.count ?? 0 }

    static let owner = secrets.owner
    static let srk = secrets.srk

    private static let secrets = {
        var secrets = KnownSecrets()
        secrets.srk = Secret(passphrase: Secret("srk"))
        return secrets
    }()

    /// A TPM with an endorsement key and an owner.
    static func owned() throws -> TappedTPM { try TappedTPM(.owned) }
}

extension Secret {
    init(_ text: String) { self.init(Array(text.utf8)) }
}

/// The error that `body` throws, nil for none or another kind.
func clientError(_ body: () throws -> some Any) -> ClientError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? ClientError
    }
}
