import Emulators
import Foundation
import TPMClient
import TPMCrypto
import TPMEngine
import TPMTesting

/// A TPM as the test drives it: commands from any locality, power cycles, and a state to come back to.
protocol Subject: AnyObject {
    func transmit(_ command: [UInt8]) throws -> [UInt8]
    func setLocality(_ locality: Locality) throws
    /// TPM_Init; TPM_Startup is for the caller.
    func powerCycle() throws
    /// Keeps what outlives power under a name.
    func save(as name: String) throws
    /// Puts it back and cycles power; a name that was never saved is a new TPM.
    func restore(_ name: String) throws
    /// Lets as much time pass as the defence against guessing asks for, as far as that is possible.
    func passTime()
    /// After a command without an answer.
    func revive() throws
}

/// The engine in this process.
final class EngineSubject: Subject {
    private var tpm: TPM
    private var saved: [String: TPMState] = [:]
    private var locality = Locality.zero
    /// Turned by hand, so that a run does not depend on how fast the machine is.
    private let clock = HandClock(microseconds: 1)

    init(seed: UInt32) {
        tpm = TPM(environment: Environment(random: SeededRandom(seed: seed), clock: clock))
        tpm.initialize()
    }

    func transmit(_ command: [UInt8]) -> [UInt8] {
        clock.advance(microseconds: 10)
        return tpm.execute(command, locality: locality).response
    }

    func setLocality(_ locality: Locality) { self.locality = locality }

    func powerCycle() { tpm.initialize() }

    func save(as name: String) { saved[name] = tpm.state }

    func restore(_ name: String) {
        tpm.state = saved[name] ?? TPMState()
        tpm.initialize()
    }

    func passTime() { clock.advance(microseconds: 200_000_000_000) }

    func revive() { tpm.initialize() }
}

/// swtpm in a process of its own.
final class SwtpmSubject: Subject {
    private var emulator: Emulator
    private var saved: [String: Data] = [:]
    private var locality = Locality.zero

    init() throws { emulator = try Emulator.swtpm(isControlled: true) }

    private var stateFile: URL { emulator.state.appendingPathComponent("tpm-00.permall") }

    private func control(_ action: (SwtpmControl) throws -> Void) throws {
        guard let control = emulator.control else { throw EmulatorFailure(description: "swtpm without its control") }
        try action(control)
    }

    func transmit(_ command: [UInt8]) throws -> [UInt8] { try emulator.transport.transmit(command) }

    func setLocality(_ locality: Locality) throws {
        guard locality != self.locality else { return }
        self.locality = locality
        try control { try $0.setLocality(locality.rawValue) }
    }

    func powerCycle() throws { try control { try $0.initialise() } }

    func save(as name: String) throws { saved[name] = try Data(contentsOf: stateFile) }

    func restore(_ name: String) throws {
        try control { try $0.stop() }
        for file in try FileManager.default.contentsOfDirectory(atPath: emulator.state.path)
        where file.hasPrefix("tpm-00.") {
            try FileManager.default.removeItem(at: emulator.state.appendingPathComponent(file))
        }
        try saved[name]?.write(to: stateFile)
        try control { try $0.initialise() }
    }

    func passTime() {}

    func revive() throws {
        let state = try Data(contentsOf: stateFile)
        emulator = try Emulator.swtpm(isControlled: true)
        locality = .zero
        try control { try $0.stop() }
        try state.write(to: stateFile)
        try control { try $0.initialise() }
    }
}
