import Foundation
import SimulatedXen
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// Devices that the toolstack takes away, at any time.
@Suite struct ToolstackTests {
    private let rig: BackendRig

    init() throws { rig = try BackendRig() }

    /// How far a device has come.
    enum Moment: CaseIterable {
        case made
        case waited
        case published
        case connected
        case closing
        case closed
    }

    private func device(at moment: Moment) throws -> SimulatedDomain {
        let domain = try rig.toolstack.makeDomain()
        try rig.toolstack.attach(domain)
        if moment == .made { return domain }
        try rig.wait(domain, .initWait)
        let frontEnd = SimulatedFrontEnd(domain)
        switch moment {
        case .made, .waited: break
        case .published: try frontEnd.publish()
        case .connected: try frontEnd.probe()
        case .closing:
            try frontEnd.publish()
            try rig.wait(domain, .connected)
            try frontEnd.set(.closing)
            try rig.wait(domain, .closing)
        case .closed:
            try frontEnd.probe()
            try frontEnd.remove()
        }
        return domain
    }

    @Test(arguments: Moment.allCases, [true, false])
    func aDeviceIsTakenAway(_ moment: Moment, _ isForced: Bool) throws {
        let domain = try device(at: moment)
        try rig.toolstack.detach(domain, isForced: isForced)
        try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
        #expect(rig.bus.open.pages == 0 && rig.bus.open.channels == 0)
        // Nothing is written to where it was.
        #expect(try rig.xen.store.children(of: "/local/domain/0/backend/vtpm").isEmpty)
        try rig.expectNothingLeft()
        #expect(rig.domains.tpm(domain.guest.uuid)?.hasEnded ?? true)
    }

    @Test(arguments: Moment.allCases) func aDirectoryVanishes(_ moment: Moment) throws {
        let domain = try device(at: moment)
        try rig.toolstack.forget(domain)
        try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
        #expect(rig.bus.open.pages == 0 && rig.bus.open.channels == 0)
        #expect(try rig.xen.store.children(of: "/local/domain/0/backend/vtpm").isEmpty)
        try rig.expectNothingLeft()
    }

    @Test(arguments: Moment.allCases) func aDomainDiesBeforeItsDeviceIsTakenAway(_ moment: Moment) throws {
        let domain = try device(at: moment)
        domain.die()
        try rig.toolstack.detach(domain, isForced: true)
        try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
        try rig.expectNothingLeft()
    }

    /// Between what the backend reads and what it then writes, the toolstack removes the directory: it stays removed.
    @Test(arguments: ["state", "frontend", "uuid", "online", "frontend-id"])
    func whatWasRemovedIsNotMadeAnew(_ entry: String) throws {
        let domain = try rig.toolstack.makeDomain()
        let path = "backend/vtpm/\(domain.id)/0/\(entry)"
        let (toolstack, removed) = (rig.toolstack, Once())
        rig.bus.setFault { call in
            if call == .read(path), removed.isFirst { try? toolstack.forget(domain) }
            return false
        }
        try rig.toolstack.attach(domain)
        try rig.xen.wait(for: "no device") { removed.happened && rig.deviceCount == 0 }
        #expect(try rig.xen.store.children(of: "/local/domain/0/backend/vtpm").isEmpty)
        try rig.expectNothingLeft()
    }

    /// The same at the last moment, before the backend writes the state.
    @Test(arguments: ["2", "4", "5", "6"]) func whatIsRemovedBeforeAWriteIsNotMadeAnew(_ state: String) throws {
        let domain = try rig.toolstack.makeDomain()
        let entry = XenEntry("backend/vtpm/\(domain.id)/0/state", state)
        let (toolstack, removed) = (rig.toolstack, Once())
        rig.bus.setFault { call in
            if case .write(let entries) = call, entries.contains(entry), removed.isFirst {
                try? toolstack.forget(domain)
            }
            return false
        }
        try rig.toolstack.attach(domain)
        if state != "2" {
            try rig.wait(domain, .initWait)
            let frontEnd = SimulatedFrontEnd(domain)
            try frontEnd.publish()
            if state != "4" { try frontEnd.set(state == "5" ? .closing : .closed) }
        }
        try rig.xen.wait(for: "no device") { removed.happened && rig.deviceCount == 0 }
        #expect(try rig.xen.store.children(of: "/local/domain/0/backend/vtpm").isEmpty)
        try rig.expectNothingLeft()
    }

    // MARK: Saved and restored

    /// Also when the domain takes the request back before anybody has read it.
    @Test(arguments: [true, false]) func aSavedDomainsTPMGoesOnWithTheNext(_ isSlow: Bool) throws {
        let (first, frontEnd) = try rig.connected()
        _ = try frontEnd.transmit(extend(1))
        let register = try frontEnd.transmit(pcrRead)
        try rig.toolstack.save(first, frontEnd, whenAsked: { if isSlow { rig.bus.drain() } })
        let tpm = try #require(rig.domains.tpm(first.guest.uuid))
        #expect(tpm.ends == [true] && !tpm.hasEnded)
        let second = try rig.toolstack.restore(first.guest)
        let again = SimulatedFrontEnd(second)
        try again.probe()
        #expect(try again.transmit(pcrRead) == register)
        #expect(rig.domains.attached.map(\.id) == [1, 2])
        #expect(rig.domains.attached.last?.history != XenDomain.History.none)
    }

    @Test func aSaveThatWasGivenUpIsNone() throws {
        let (domain, frontEnd) = try rig.connected()
        try domain.write("control/shutdown", "suspend")
        try rig.settle(domain)
        // The domain does not do it, goes on, and is shut down later.
        try domain.write("control/shutdown", "")
        try domain.write("control/shutdown", "poweroff")
        rig.bus.drain()
        try domain.write("control/shutdown", "")
        try rig.settle(domain)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.toolstack.destroy(domain)
        try rig.xen.wait(for: "the end") { rig.domains.tpm(domain.guest.uuid)?.ends == [false] }
    }

    @Test func aRebootedDomainHasATPMThatStartsAnew() throws {
        let (first, frontEnd) = try rig.connected()
        let register = try frontEnd.transmit(pcrRead)
        _ = try frontEnd.transmit(extend(1))
        try first.write("control/shutdown", "reboot")
        try first.write("control/shutdown", "")
        try rig.toolstack.destroy(first)
        let second = try rig.toolstack.create(first.guest)
        let again = SimulatedFrontEnd(second)
        try again.probe()
        #expect(try again.transmit(pcrRead) == register)
    }
}
