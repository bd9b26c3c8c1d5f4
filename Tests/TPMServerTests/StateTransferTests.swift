import Glibc
import Synchronization
import TPMCrypto
import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

/// A state that leaves one TPM and goes on in another, by the disk or as blobs.
@Suite struct StateTransferTests {
    private let home: TemporaryDirectory
    private let recorder = Recorder()

    init() throws { home = try TemporaryDirectory() }

    private func instance(_ store: (any StateStore)?, powered: Bool = true) throws -> TPMInstance {
        let tpm = TPMInstance(store: store, environment: Environment(), observer: recorder)
        if powered { try tpm.powerOn() }
        return tpm
    }

    private func directory() throws -> StateDirectory { try StateDirectory(home.path) }

    @discardableResult
    private func transmit(_ command: [UInt8], to tpm: TPMInstance) -> [UInt8] { tpm.finish(tpm.execute(command)) }

    /// A started TPM in whose register 10 something stands, and that answer to TPM_PCRRead.
    private func extended(_ store: any StateStore) throws -> (TPMInstance, register: [UInt8]) {
        let tpm = try instance(store)
        transmit(startupClear, to: tpm)
        transmit(extend(7), to: tpm)
        return (tpm, transmit(pcrRead, to: tpm))
    }

    // MARK: On disk

    @Test func aSuspendedTPMGoesOn() throws {
        var store: StateDirectory? = try directory()
        var first: (TPMInstance, [UInt8])? = try extended(try #require(store))
        let register = first?.1
        try first?.0.suspend()
        first = nil
        store = nil
        let next = try instance(try directory())
        #expect(transmit(pcrRead, to: next) == register)
    }

    @Test func whatWasSuspendedIsOfThePastWithTheNextChange() throws {
        let (tpm, register) = try extended(try directory())
        try tpm.suspend()
        #expect(home.files.contains("tpm.volatile"))
        // Power may come and go without one.
        try tpm.powerOn()
        #expect(home.files.contains("tpm.volatile"))
        #expect(transmit(pcrRead, to: tpm) == register)
        #expect(home.files.contains("tpm.volatile"))
        transmit(extend(1), to: tpm)
        #expect(!home.files.contains("tpm.volatile"))
        try tpm.powerOn()
        #expect(returnCode(transmit(pcrRead, to: tpm)) == 38)
    }

    @Test func whatWasSuspendedMayGoAtOnce() throws {
        let (tpm, register) = try extended(try directory())
        try tpm.suspend()
        try tpm.powerOn(forgettingVolatile: true)
        #expect(!home.files.contains("tpm.volatile"))
        #expect(transmit(pcrRead, to: tpm) == register)
    }

    @Test func aVolatileStateOfAnotherStateIsOfThePast() throws {
        let (tpm, _) = try extended(try directory())
        try tpm.suspend()
        let volatile = try #require(home.contents("tpm.volatile"))
        transmit(presenceEnable, to: tpm)
        try home.write(volatile, to: "tpm.volatile")
        try tpm.powerOn()
        #expect(recorder.notes.count == 1)
        #expect(returnCode(transmit(startupClear, to: tpm)) == 0)
        #expect(!home.files.contains("tpm.volatile"))
    }

    @Test func aDamagedVolatileStateIsRefusedAndLeft() throws {
        let (tpm, _) = try extended(try directory())
        try home.write([1, 2, 3], to: "tpm.volatile")
        #expect(refusal { try tpm.powerOn() }.contains("Move it away"))
        #expect(!tpm.hasPower)
        #expect(home.contents("tpm.volatile") == [1, 2, 3])
        unlink(home.path + "/tpm.volatile")
        try tpm.powerOn()
    }

    @Test func aResumedTPMNeedsNoStartup() throws {
        let (tpm, register) = try extended(try directory())
        try tpm.suspend()
        try tpm.powerOn()
        try tpm.startUp(.clear)
        #expect(recorder.notes.count == 1)
        #expect(transmit(pcrRead, to: tpm) == register)
    }

    @Test func theFilesKeepTheNamesThatTheyHave() throws {
        _ = try instance(try StateDirectory(home.path, names: .swtpm))
        #expect(home.files == [".lock", "tpm-00.permall"])
        _ = try instance(try directory())
        #expect(home.files == [".lock", "tpm-00.permall"])
        #expect(try StateDirectory.stored(in: home.path).map(\.name) == ["permall"])
    }

    @Test func anotherProgramsStateIsNotTakenForNone() throws {
        try home.write([1], to: "tpm-00.permall")
        #expect(refusal { _ = try instance(try directory()) }.contains("tpm-00.permall"))
        #expect(home.files == [".lock", "tpm-00.permall"])
    }

    // MARK: As blobs

    @Test func theFormsOfAStateMakeItAgain() throws {
        let (tpm, register) = try extended(EphemeralStore())
        transmit(presenceEnable, to: tpm)
        let blobs = try StateBlob.allCases.map { ($0, try tpm.save($0)) }
        #expect(blobs.map { $0.1.count > 0 } == [true, true, false])
        let other = try instance(try directory(), powered: false)
        for (blob, bytes) in blobs where bytes.count > 0 { try other.load(bytes, as: blob) }
        try other.powerOn()
        #expect(transmit(pcrRead, to: other) == register)
        #expect(returnCode(transmit(presencePresent, to: other)) == 0)
    }

    @Test func theSavestateIsAFormOfItsOwn() throws {
        let (tpm, register) = try extended(EphemeralStore())
        transmit([0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x98], to: tpm)
        let other = try instance(try directory(), powered: false)
        for blob in [StateBlob.permanent, .savestate] { try other.load(try tpm.save(blob), as: blob) }
        try other.powerOn()
        try other.startUp(.state)
        #expect(transmit(pcrRead, to: other) == register)
    }

    @Test func aStateIsNotLoadedIntoATPMWithPower() throws {
        let (tpm, _) = try extended(EphemeralStore())
        let bytes = try tpm.save(.permanent)
        #expect(refusal { try tpm.load(bytes, as: .permanent) }.contains("stop it"))
    }

    @Test(arguments: StateBlob.allCases)
    fileprivate func bytesThatAreNoStateAreRefusedAtOnce(blob: StateBlob) throws {
        let tpm = try instance(try directory(), powered: false)
        #expect(refusal { try tpm.load(Secret([1, 2, 3]), as: blob) }.contains("is not"))
        let other = try extended(EphemeralStore()).0
        let form = try other.save(blob == .permanent ? .volatile : .permanent)
        #expect(refusal { try tpm.load(form, as: blob) }.contains("\(blob)"))
    }

    @Test func formsOfTwoTPMsDoNotMakeOneAndLeaveWhatIsStored() throws {
        let store = try directory()
        let here = try instance(store)
        transmit(startupClear, to: here)
        transmit(presenceEnable, to: here)
        here.powerOff()
        let before = home.contents("tpm.state")
        let (first, _) = try extended(EphemeralStore())
        let (second, _) = try extended(EphemeralStore())
        transmit(presenceEnable, to: second)
        try here.load(try first.save(.permanent), as: .permanent)
        try here.load(try second.save(.volatile), as: .volatile)
        #expect(refusal { try here.powerOn() }.contains("was left as it is"))
        #expect(home.contents("tpm.state") == before)
        try here.powerOn()
        #expect(returnCode(transmit(startupClear, to: here)) == 0)
        #expect(returnCode(transmit(presencePresent, to: here)) == 0)
    }

    // MARK: Handing over

    /// A TPM all of whose forms have left.
    private func handedOver() throws -> (TPMInstance, register: [UInt8], [(StateBlob, Secret)]) {
        let (tpm, register) = try extended(try directory())
        let blobs = try StateBlob.allCases.map { ($0, try tpm.save($0)) }
        return (tpm, register, blobs)
    }

    @Test func aStateHasOneLiveCopy() throws {
        let (source, register, blobs) = try handedOver()
        let destination = try instance(try directory(), powered: false)
        for (blob, bytes) in blobs where bytes.count > 0 { try destination.load(bytes, as: blob) }
        try destination.powerOn()
        #expect(transmit(pcrRead, to: destination) == register)
        #expect(returnCode(transmit(pcrRead, to: source)) == 9)
        #expect(refusal { try source.lockStore(waiting: 0) }.contains("another process"))
        #expect(refusal { try source.suspend() }.contains("served by another process"))
    }

    @Test func whoeverWaitsForItWaitsUntilItHasLeft() throws {
        let (source, _) = try extended(try directory())
        let destination = try instance(try directory(), powered: false)
        #expect(refusal { try destination.powerOn(waiting: 30) }.contains("another process"))
        for blob in StateBlob.allCases { _ = try source.save(blob) }
        try destination.powerOn(waiting: 30)
    }

    @Test func aTPMThatNobodyTookGoesOn() throws {
        let (source, register, _) = try handedOver()
        #expect(transmit(pcrRead, to: source) == register)
        #expect(refusal { _ = try instance(try directory()) }.contains("another process"))
        // And again, at the word of whoever sent it.
        for blob in StateBlob.allCases { _ = try source.save(blob) }
        try source.lockStore(waiting: 0)
        #expect(refusal { _ = try instance(try directory()) }.contains("another process"))
    }

    @Test func aTPMThatSomebodyHadMeanwhileDoesNotGoOn() throws {
        let (source, _, _) = try handedOver()
        var other: TPMInstance? = try instance(try directory())
        #expect(other?.hasPower == true)
        other = nil
        #expect(returnCode(transmit(pcrRead, to: source)) == 9)
        #expect(recorder.notes.last?.contains("of the past") == true)
        // From what is stored it may begin anew.
        try source.powerOn()
        #expect(returnCode(transmit(startupClear, to: source)) == 0)
    }

    @Test func aCommandInBetweenTakesTheFormsBack() throws {
        let (source, _) = try extended(try directory())
        _ = try source.save(.permanent)
        _ = try source.save(.volatile)
        transmit(extend(9), to: source)
        _ = try source.save(.savestate)
        #expect(refusal { _ = try instance(try directory()) }.contains("another process"))
    }

    // MARK: Cancelling

    @Test func aCancelledCommandHasNoEffect() throws {
        let (tpm, register) = try extended(try directory())
        #expect(returnCode(tpm.finish(tpm.execute(extend(1)), isCancelled: true)) == 9)
        #expect(transmit(pcrRead, to: tpm) == register)
        let saved = home.contents("tpm.state")
        #expect(returnCode(tpm.finish(tpm.execute(presenceEnable), isCancelled: true)) == 9)
        #expect(home.contents("tpm.state") == saved)
        #expect(returnCode(transmit(presencePresent, to: tpm)) != 0)
    }
}
