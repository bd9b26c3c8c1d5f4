import Foundation
import SimulatedXen
import TPMWire
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// A bus that fails, and works again.
@Suite struct BusFaultTests {
    private let rig: BackendRig

    init() throws { rig = try BackendRig() }

    /// What can fail.
    enum Part: CaseIterable {
        case map
        case bind
        case read
        case write
        case watch

        func isPart(of call: SimulatedBus.Call) -> Bool {
            switch (self, call) {
            case (.map, .map), (.bind, .bind), (.read, .read), (.write, .write), (.watch, .watch):
                true
            default: false
            }
        }
    }

    /// Every call of the kind fails once, wherever in the course of things it is, and the device comes up all the same.
    @Test(arguments: Part.allCases) func failsOnceAtEachPlace(_ part: Part) throws {
        var place = 1
        while true {
            let calls = Counter()
            let failing = place
            rig.bus.setFault { part.isPart(of: $0) && calls.next() == failing }
            let domain = try rig.toolstack.makeDomain(.numbered(place))
            try rig.toolstack.attach(domain)
            try rig.wait(domain, .initWait)
            let frontEnd = SimulatedFrontEnd(domain)
            try frontEnd.probe()
            try rig.wait(domain, .connected)
            #expect(result(try frontEnd.transmit(pcrRead)) == .success)
            try rig.settle(domain)
            try rig.waitForNoError(domain)
            try frontEnd.set(.closing)
            try rig.wait(domain, .closed)
            try rig.toolstack.destroy(domain)
            try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
            #expect(try rig.xen.store.children(of: "/local/domain/0/backend/vtpm").isEmpty)
            // Until there are no more such calls.
            if calls.value < place { break }
            place += 1
        }
        #expect(place > 1)
        rig.bus.setFault(nil)
        try rig.expectNothingLeft()
    }

    @Test(arguments: [Part.map, .bind]) func aRingThatCannotBeHadIsTriedUntilItCan(_ part: Part) throws {
        let calls = Counter()
        rig.bus.setFault { part.isPart(of: $0) && calls.next() < 10 }
        let domain = try rig.toolstack.create()
        let frontEnd = SimulatedFrontEnd(domain)
        try frontEnd.publish()
        try rig.xen.wait(for: "an error") { try rig.error(domain) != nil || calls.value >= 10 }
        try rig.wait(domain, .connected)
        #expect(calls.value >= 10)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.settle(domain)
        try rig.waitForNoError(domain)
        #expect(rig.bus.open.pages == 1 && rig.bus.open.channels == 1)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    @Test func aBackendThatCannotWatchSaysSo() throws {
        rig.stop()
        let other = try BackendRig(starts: false)
        other.bus.setFault { $0 == .watch("backend/vtpm") }
        #expect(throws: XenBusError.self) { try other.start() }
        other.bus.setFault(nil)
        try other.start()
        try other.expectNothingLeft()
    }

    /// A guest that has no TPM makes no more work by changing its entries.
    @Test func aRefusedDomainIsTriedAtItsPaceWhateverItWrites() throws {
        rig.stop()
        rig.options.retryInterval = .milliseconds(100)
        rig.domains.setRefusal(ManagerError(.notFound, "No guest has that UUID."))
        try rig.restart()
        let domain = try rig.toolstack.makeDomain()
        try rig.toolstack.attach(domain)
        try rig.xen.wait(for: "an error") { try rig.error(domain) != nil }
        for _ in 0..<40 { try rig.settle(domain) }
        let before = rig.domains.attached.count
        Thread.sleep(forTimeInterval: 1)
        #expect(rig.domains.attached.count - before <= 20)
    }
}
