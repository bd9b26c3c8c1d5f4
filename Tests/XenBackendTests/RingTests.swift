import Foundation
import SimulatedXen
import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// Commands through the shared page, and what a front end may do to the page.
@Suite struct RingTests {
    private let rig: BackendRig
    private let keys = HeldKeys()

    init() throws { rig = try BackendRig(Environment(keyPairs: keys)) }

    /// A ring whose backend owes nothing.
    private func ring() throws -> (SimulatedDomain, SimulatedFrontEnd, FrontRing) {
        let (domain, frontEnd) = try rig.connected()
        return (domain, frontEnd, try #require(frontEnd.ring))
    }

    /// The answer to what is in the page.
    private func answer(_ ring: FrontRing) throws -> [UInt8] {
        try #require(ring.waitUntilIdle(seconds: 60))
        return try #require(ring.receive())
    }

    // MARK: Commands

    @Test func commandsAreAnsweredInTurn() throws {
        let (_, frontEnd, _) = try ring()
        let client = TPMClient(frontEnd)
        for byte in 1...100 as ClosedRange<UInt8> { _ = try client.extend(10, with: Digest(repeating: byte)) }
        var expected = Digest.zero
        for byte in 1...100 as ClosedRange<UInt8> { expected = SHA1.hash(expected, Digest(repeating: byte)) }
        #expect(try client.pcr(10) == expected)
    }

    @Test func aCommandThatFillsThePageIsAnswered() throws {
        let (_, frontEnd, _) = try ring()
        // TPM_SHA1Start says how much a TPM_SHA1Update may bring; here it is a page full.
        #expect(try TPMClient(frontEnd).property(.inputBuffer) == 4088)
        var command = [UInt8](repeating: 0, count: 4088)
        command.replaceSubrange(0..<10, with: [0, 0xc1, 0, 0, 0x0f, 0xf8, 0, 0, 0, 0x15])
        #expect(result(try frontEnd.transmit(command)) == .badParamSize)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
    }

    @Test func theLocalityIsThatOfTheCommand() throws {
        let (_, frontEnd, _) = try ring()
        #expect(result(try frontEnd.transmit(resetForLocality2, locality: 0)) == .notLocal)
        #expect(result(try frontEnd.transmit(resetForLocality2, locality: 2)) == .success)
        #expect(result(try frontEnd.transmit(resetForLocality2, locality: 0)) == .notLocal)
    }

    // MARK: Cancelling

    @Test func aCommandThatComputesIsCancelled() throws {
        let (_, frontEnd, ring) = try ring()
        ring.submit(createEndorsementKeyPair)
        keys.wasAsked.wait()
        ring.cancel()
        keys.mayGive.signal()
        #expect(ring.waitUntilIdle(seconds: 60))
        #expect(ring.state == FrontRing.State.idle.rawValue)
        // It had no effect.
        #expect(result(try frontEnd.transmit(readPubek)) == .noEndorsement)
    }

    @Test func aCancelWithNothingToCancelLeavesThePageIdle() throws {
        let (_, frontEnd, ring) = try ring()
        for _ in 0..<3 {
            ring.cancel()
            #expect(ring.waitUntilIdle(seconds: 60))
            #expect(ring.state == FrontRing.State.idle.rawValue)
            #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        }
    }

    @Test func aCommandBesideOneThatRunsIsNotTaken() throws {
        let (_, frontEnd, ring) = try ring()
        let before = try frontEnd.transmit(pcrRead)
        ring.submit(createEndorsementKeyPair)
        keys.wasAsked.wait()
        for _ in 0..<20 { ring.submit(extend(1)) }
        keys.mayGive.signal()
        #expect(result(try answer(ring)) == .success)
        #expect(result(try frontEnd.transmit(readPubek)) == .success)
        #expect(try frontEnd.transmit(pcrRead) == before)
    }

    // MARK: A page that lies

    /// Lengths that no command has, and ones that the page has no room for.
    @Test(arguments: [0, 1, 9, 4089, 4096, 65_536, 0x7fff_ffff, 0x8000_0000, .max - 8, .max] as [UInt32])
    func aLengthThatCannotBe(_ length: UInt32) throws {
        let (_, frontEnd, ring) = try ring()
        ring.submit(pcrRead)
        _ = try answer(ring)
        ring.submit(length: length)
        #expect(result(try answer(ring)) == .badParamSize)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
    }

    @Test(arguments: 4...255 as ClosedRange<UInt8>) func aStateThatIsNone(_ state: UInt8) throws {
        let (_, frontEnd, ring) = try shared()
        ring.state = state
        ring.port.notify()
        #expect(result(try transmitAnyway(pcrRead, frontEnd)) == .success)
    }

    /// A driver would wait until the page is idle.
    private func transmitAnyway(_ command: [UInt8], _ frontEnd: SimulatedFrontEnd) throws -> [UInt8] {
        let ring = try #require(frontEnd.ring)
        ring.submit(command)
        return try answer(ring)
    }

    private func shared() throws -> (SimulatedDomain, SimulatedFrontEnd, FrontRing) { try ring() }

    @Test func noticesWithNothingInThePageAreHarmless() throws {
        let (_, frontEnd, ring) = try ring()
        for _ in 0..<10_000 { ring.port.notify() }
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
    }

    @Test func localitiesThatAreNone() throws {
        let (_, frontEnd, ring) = try ring()
        for locality in 4...255 as ClosedRange<UInt8> {
            ring.submit(pcrRead, locality: locality)
            #expect(result(try answer(ring)) == .badLocality)
        }
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
    }

    /// The numbers of other pages stand before the command, wherever they lead.
    @Test func anyNumberOfExtraPages() throws {
        let (_, frontEnd, ring) = try ring()
        for count in 0...255 as ClosedRange<UInt8> {
            ring.extraPages = count
            ring.submit(pcrRead)
            #expect(result(try answer(ring)) == .success)
            ring.submit(length: UInt32(4096 - ring.dataOffset + 1))
            #expect(result(try answer(ring)) == .badParamSize)
            // As much as is left of the page.
            ring.submit(length: UInt32(4096 - ring.dataOffset))
            #expect(isAnswer(try answer(ring)))
        }
        ring.extraPages = 0
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        #expect(rig.bus.open.pages == 1)
    }

    /// All of the page changes all the time; then the front end becomes honest.
    @Test func aPageThatChangesWhileItIsRead() throws {
        let (domain, frontEnd, ring) = try ring()
        let flipper = Flipper(ring)
        for _ in 0..<3000 {
            ring.submit(pcrRead)
            ring.submit(length: 14)
        }
        flipper.end()
        // What ran is over when the page stays as it is written here.
        ring.extraPages = 0
        ring.cancel()
        try #require(ring.waitUntilIdle(seconds: 60))
        for _ in 0..<100 {
            let answer = try frontEnd.transmit(pcrRead)
            #expect(isAnswer(answer))
        }
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    /// A processor of the guest that writes to the page without end.
    private final class Flipper: @unchecked Sendable {
        private let isOver = Once()
        private let ended = DispatchSemaphore(value: 0)

        init(_ ring: FrontRing) {
            Thread.detachNewThread { [self] in
                var steps = Steps(seed: 1)
                while !isOver.happened {
                    switch steps.next(6) {
                    case 0: ring.length = UInt32(steps.next(1 << 32))
                    case 1: ring.length = UInt32(steps.next(4200))
                    case 2: ring.locality = UInt8(steps.next(256))
                    case 3: ring.extraPages = UInt8(steps.next(256))
                    case 4: ring.state = UInt8(steps.next(6))
                    default:
                        let offset = Int(steps.next(4096))
                        ring.memory.storeBytes(of: UInt8(steps.next(256)), toByteOffset: offset, as: UInt8.self)
                    }
                    if steps.next(4) == 0 { ring.port.notify() }
                }
                ended.signal()
            }
        }

        func end() {
            _ = isOver.isFirst
            ended.wait()
        }
    }

    // MARK: A ring that goes

    /// How a front end may leave in the middle of a command.
    enum Leaving: CaseIterable {
        case closing
        case closed
        case anew
        case unloaded
        case taken
        case destroyed
    }

    @Test(arguments: Leaving.allCases) func aRingThatGoesInTheMiddleOfACommand(_ leaving: Leaving) throws {
        let (domain, frontEnd, ring) = try ring()
        ring.submit(createEndorsementKeyPair)
        keys.wasAsked.wait()
        switch leaving {
        case .closing: try frontEnd.set(.closing)
        case .closed: try frontEnd.set(.closed)
        case .anew: try frontEnd.set(.initialising)
        case .unloaded: try frontEnd.remove()
        case .taken: try rig.toolstack.takeOffline(domain)
        case .destroyed:
            domain.die()
            try rig.toolstack.takeOffline(domain, isForced: true)
        }
        // The page and the channel are given back when the command was answered.
        keys.mayGive.signal()
        try rig.xen.wait(for: "no page") { rig.bus.open.pages == 0 && rig.bus.open.channels == 0 }
        if leaving == .taken || leaving == .destroyed {
            try rig.wait(domain, .closed)
            try rig.toolstack.forget(domain)
            return try rig.expectNothingLeft()
        }
        // The command came to its end, and the next ring is of the same TPM.
        try frontEnd.remove()
        try rig.settle(domain)
        let again = SimulatedFrontEnd(domain)
        try again.probe()
        #expect(result(try again.transmit(readPubek)) == .success)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    @Test func aPageThatTheDomainTakesBackStaysReadable() throws {
        let (domain, frontEnd, ring) = try ring()
        ring.submit(createEndorsementKeyPair)
        keys.wasAsked.wait()
        try frontEnd.remove()
        #expect(rig.bus.open.pages == 1)
        keys.mayGive.signal()
        // The driver comes with another.
        let again = SimulatedFrontEnd(domain)
        try again.probe()
        #expect(result(try again.transmit(readPubek)) == .success)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    @Test func aChannelThatFailsIsBoundAgain() throws {
        let (domain, frontEnd, ring) = try ring()
        rig.bus.breakChannels()
        try rig.xen.wait(for: "another channel") {
            rig.bus.open.channels == 1 && ring.port.isBound && rig.bus.open.pages == 1
        }
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }
}
