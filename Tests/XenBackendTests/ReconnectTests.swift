import Dispatch
import Foundation
import SimulatedXen
import TPMEngine
import TPMWire
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// Backends that come and go while domains run, and front ends that come back without end.
@Suite struct ReconnectTests {
    private let rig: BackendRig
    private let keys = HeldKeys()

    init() throws { rig = try BackendRig(Environment(keyPairs: keys)) }

    @Test func aBackendThatWasStartedAgainGoesOn() throws {
        let (domain, frontEnd) = try rig.connected()
        _ = try frontEnd.transmit(extend(1))
        let register = try frontEnd.transmit(pcrRead)
        let ring = frontEnd.ring
        for _ in 0..<5 {
            try rig.record(domain)
            rig.stop()
            #expect(rig.bus.open == .init())
            try rig.restart()
            #expect(try frontEnd.transmit(pcrRead) == register)
            // Neither end wrote a state for that.
            #expect(try rig.states(domain) == ["4"])
            #expect(frontEnd.ring === ring && rig.bus.open.pages == 1)
        }
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    @Test func aCommandThatWasLeftInThePageIsAnswered() throws {
        let (_, frontEnd) = try rig.connected()
        rig.stop()
        let ring = try #require(frontEnd.ring)
        ring.submit(pcrRead)
        #expect(!ring.isIdle)
        try rig.restart()
        #expect(ring.waitUntilIdle(seconds: 60))
        #expect(result(ring.receive()) == .success)
    }

    @Test func aCancelThatWasLeftInThePageIsTakenNoteOf() throws {
        let (_, frontEnd) = try rig.connected()
        rig.stop()
        let ring = try #require(frontEnd.ring)
        ring.cancel()
        try rig.restart()
        #expect(ring.waitUntilIdle(seconds: 60))
        #expect(ring.receive() == nil)
    }

    /// A command is not executed twice: before the backend leaves, the one that runs is answered.
    @Test func aCommandThatRunsWhenTheBackendEndsIsAnswered() throws {
        let (_, frontEnd) = try rig.connected()
        let ring = try #require(frontEnd.ring)
        ring.submit(createEndorsementKeyPair)
        keys.wasAsked.wait()
        let keys = keys
        DispatchQueue.global().asyncAfter(deadline: .now() + 0.1) { keys.mayGive.signal() }
        rig.stop()
        #expect(rig.bus.open == .init())
        #expect(ring.state == FrontRing.State.finish.rawValue)
        #expect(result(ring.receive()) == .success)
        try rig.restart()
        #expect(result(try frontEnd.transmit(readPubek)) == .success)
    }

    /// What happens to a device while nobody serves it is seen when somebody does.
    @Test func whatHappenedWithoutABackendIsMadeGood() throws {
        let guests = (1...6).map { SimulatedGuest.numbered($0) }
        let devices = try guests.map { try rig.connected($0) }
        rig.stop()
        try devices[0].1.set(.closing)
        try devices[1].1.remove()
        try devices[2].1.set(.initialising)
        try rig.toolstack.takeOffline(devices[3].0, isForced: true)
        try rig.toolstack.forget(devices[4].0)
        try devices[5].1.remove()
        let ring = try devices[5].1.publish()
        try rig.restart()
        try rig.wait(devices[0].0, .closed)
        try rig.wait(devices[1].0, .closed)
        try rig.wait(devices[2].0, .initWait)
        try rig.wait(devices[3].0, .closed)
        try rig.xen.wait(for: "the new ring") { ring.port.isBound }
        #expect(result(try devices[5].1.transmit(pcrRead)) == .success)
        #expect(rig.deviceCount == 5)
        try rig.expectNothingLeft()
    }

    @Test func stoppingTwiceAndBeforeAnyDeviceIsHarmless() throws {
        rig.stop()
        rig.stop()
        let empty = try BackendRig(starts: false)
        empty.stop()
        try empty.start()
        try empty.expectNothingLeft()
    }

    // MARK: Without end

    /// A device that changes without end is looked at ten times a second, so there are some of them.
    @Test func aThousandReconnectsLeaveNothing() throws {
        let devices = try (1...25).map { try rig.connected(.numbered($0)) }
        _ = try devices[0].1.transmit(extend(1))
        let register = try devices[0].1.transmit(pcrRead)
        let (open, kept) = (rig.bus.open, rig.bus.kept)
        for number in 0..<1000 {
            let (domain, frontEnd) = devices[number % devices.count]
            switch number / devices.count % 3 {
            case 0: try frontEnd.kexec()
            case 1:
                try frontEnd.remove()
                try rig.wait(domain, .closed)
                try frontEnd.probe()
            default:
                // Another ring is published without a word.
                let old = frontEnd.ring
                try frontEnd.publish()
                try rig.xen.wait(for: "the new ring") { frontEnd.ring?.port.isBound == true }
                old?.free()
                try frontEnd.set(.connected)
            }
        }
        #expect(try devices[0].1.transmit(pcrRead) == register)
        for (domain, _) in devices { try rig.settle(domain) }
        #expect(rig.bus.open == open && rig.xen.mappedPages == devices.count && rig.bus.kept == kept)
        #expect(rig.domains.attached.count == devices.count)
        for (domain, _) in devices { try rig.toolstack.destroy(domain) }
        try rig.expectNothingLeft()
    }

    @Test func aThousandDomainsOneAfterTheOtherLeaveNothing() throws {
        for _ in 0..<1000 {
            let (domain, frontEnd) = try rig.connected()
            #expect(result(try frontEnd.transmit(pcrRead)) == .success)
            try rig.toolstack.destroy(domain)
        }
        try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
        #expect(rig.bus.open == .init(watches: 1))
        #expect(try rig.xen.store.children(of: "/local/domain") == ["0"])
        try rig.expectNothingLeft()
    }
}
