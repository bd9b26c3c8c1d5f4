import Foundation
import TPMClient
import TPMCrypto
import TPMWire

@testable import TPMEngine

/// A TPM in the test's own process, and what a test wants to see of it.
final class TestTPM {
    private(set) var tpm: TPM
    /// Changes an answer on its way to the client.
    var tamper: (inout [UInt8]) -> Void = { _ in }
    private(set) var commands: [[UInt8]] = []

    init(seed: String = "client tests") {
        tpm = TPM(
            environment: Environment(random: SeededRandom(seed: Array(seed.utf8)), physicalPresence: true))
        tpm.initialize()
        _ = tpm.execute([0, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, 1])
    }

    func execute(_ command: [UInt8]) -> [UInt8] {
        commands.append(command)
        var answer = tpm.execute(command).response
        tamper(&answer)
        return answer
    }

    /// A client whose nonces repeat from run to run.
    lazy var client = TPMClient(
        InProcessTransport { [unowned self] in execute($0) }, random: SeededRandom(seed: Array("nonces".utf8)))

    /// All that the TPM knows; another test's is a fork of that TPM.
    var state: TPMState {
        get { tpm.state }
        set { tpm.state = newValue }
    }

    var openSessions: Int { tpm.state.any.sessions.sessions.count }

    static let owner = Secret(passphrase: Secret(Array("owner".utf8)))
    static let srk = Secret(passphrase: Secret(Array("srk".utf8)))

    /// A TPM with an endorsement key and an owner, made once: a copy is a fork.
    static func owned() throws -> TestTPM {
        let test = TestTPM()
        test.tpm = try made.get()
        return test
    }

    private static let made: Result<TPM, any Error> = Result {
        let test = TestTPM()
        try test.client.createEndorsementKey()
        try test.client.takeOwnership(owner: owner, srk: srk)
        return test.tpm
    }
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
