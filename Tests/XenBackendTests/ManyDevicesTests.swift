import Dispatch
import Foundation
import SimulatedXen
import Synchronization
import TPMClient
import TPMCrypto
import TPMWire
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// Many domains at once, of which some are bad.
@Suite struct ManyDevicesTests {
    private let rig: BackendRig

    init() throws { rig = try BackendRig() }

    /// What went wrong on other threads.
    private final class Failures: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }

        func gather(_ body: () throws -> Void) {
            do { try body() } catch { texts.withLock { $0.append("\(error)") } }
        }
    }

    @Test func aHundredDomainsAtOnce() throws {
        let made = try (1...100).map { try rig.toolstack.makeDomain(.numbered($0)) }
        let (toolstack, xen, failures) = (rig.toolstack, rig.xen, Failures())
        DispatchQueue.concurrentPerform(iterations: made.count) { index in
            failures.gather {
                let domain = made[index]
                try toolstack.attach(domain)
                try xen.wait("\(toolstack.backendPath(domain))/state", "2")
                let frontEnd = SimulatedFrontEnd(domain)
                try frontEnd.probe()
                // Each has a TPM of its own.
                let client = TPMClient(frontEnd)
                let digest = SHA1.hash(Array("\(index)".utf8))
                _ = try client.extend(10, with: digest)
                let expected = SHA1.hash(Digest.zero, digest)
                guard try client.pcr(10) == expected else { throw SimulationError("\(index) has another's TPM.") }
                if index % 3 == 0 { try frontEnd.kexec() }
                if index % 2 == 0 { try toolstack.destroy(domain) }
            }
        }
        #expect(failures.all == [])
        try xen.wait(for: "fifty devices") { rig.deviceCount == 50 }
        #expect(rig.bus.open.pages == 50 && rig.bus.open.channels == 50)
        for (index, domain) in made.enumerated() where index % 2 == 1 { try toolstack.destroy(domain) }
        try xen.wait(for: "no device") { rig.deviceCount == 0 }
        try rig.expectNothingLeft()
    }

    /// A front end that does all it can without end, on a thread of its own.
    private final class Flood: @unchecked Sendable {
        private let isOver = Once()
        private let ended = DispatchSemaphore(value: 0)

        init(_ body: @escaping @Sendable () throws -> Void) {
            Thread.detachNewThread { [self] in
                while !isOver.happened { try? body() }
                ended.signal()
            }
        }

        func end() {
            _ = isOver.isFirst
            ended.wait()
        }
    }

    /// What a front end can flood a backend with.
    enum Means: CaseIterable {
        case notices
        case commands
        case states
        case shutdown
        case rings
    }

    @Test(arguments: Means.allCases) func othersAreServedWhileOneFloods(_ means: Means) throws {
        let (bad, badFrontEnd) = try rig.connected(.numbered(1))
        let (_, frontEnd) = try rig.connected(.numbered(2))
        let ring = try #require(badFrontEnd.ring)
        let flood = Flood {
            switch means {
            case .notices: ring.port.notify()
            case .commands: ring.submit(pcrRead)
            case .states:
                for state in ["4", "1", "3", "6", "x"] { try bad.write("device/vtpm/0/state", state) }
            case .shutdown: try bad.write("control/shutdown", "poweroff")
            case .rings:
                try bad.write("device/vtpm/0/ring-ref", "\(ring.reference)")
                try bad.write("device/vtpm/0/state", "3")
            }
        }
        defer { flood.end() }
        let client = TPMClient(frontEnd)
        let start = ContinuousClock.now
        for _ in 0..<300 { _ = try client.extend(10, with: .zero) }
        #expect(ContinuousClock.now - start < .seconds(30))
        // The states of others are seen meanwhile.
        try frontEnd.kexec()
        let (third, thirdFrontEnd) = try rig.connected(.numbered(3))
        #expect(result(try thirdFrontEnd.transmit(pcrRead)) == .success)
        try rig.toolstack.destroy(third)
        #expect(rig.bus.open.pages <= 2)
    }

    @Test func oneWhoseCommandComputesHoldsUpNobody() throws {
        let (_, slow) = try rig.connected(.numbered(1))
        let (_, quick) = try rig.connected(.numbered(2))
        let ring = try #require(slow.ring)
        ring.submit(createEndorsementKeyPair)
        for _ in 0..<100 { #expect(result(try quick.transmit(pcrRead)) == .success) }
        #expect(ring.waitUntilIdle(seconds: 60))
        #expect(result(ring.receive()) == .success)
    }
}
