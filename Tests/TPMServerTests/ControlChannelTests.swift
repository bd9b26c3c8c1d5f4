import Glibc
import TPMCrypto
import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

/// The control protocol as a client sees it. What each request answers in which situation was seen of swtpm.
@Suite struct ControlChannelTests {
    private let home: TemporaryDirectory
    private let control: String
    private let data: String

    init() throws {
        home = try TemporaryDirectory()
        control = home.path + "/control"
        data = home.path + "/data"
    }

    private func serve(
        store: (any StateStore)? = nil, environment: Environment = Environment(), hasData: Bool = true,
        _ change: (inout Server.Options) -> Void = { _ in }
    ) throws -> RunningServer {
        var options = Server.Options()
        options.isPoweredAtStart = false
        change(&options)
        return try RunningServer(
            store: store, environment: environment, at: hasData ? [.unix(path: data)] : [],
            controlAt: [.unix(path: control)], options: options,
            startup: .none)
    }

    private func locality(_ number: UInt8) -> [UInt8] { [number, 0, 0, 0] }

    @Test func aTPMHasNoPowerBeforeInit() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        let tpm = try RawClient(unix: data)
        #expect(returnCode(tpm.transmit(startupClear)) == 9)
        for number in [4, 6, 8, 10] as [UInt32] { #expect(board.request(number) == 10, "\(number)") }
        #expect(board.request(7, [0, 0, 0, 1, 1]) == 10)
        #expect(board.state(.permanent).0 == 10)
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        #expect(returnCode(tpm.transmit(pcrRead)) == 38)
        #expect(returnCode(tpm.transmit(startupClear)) == 0)
        #expect(returnCode(tpm.transmit(pcrRead)) == 0)
        #expect(board.request(14) == 0)
        #expect(returnCode(tpm.transmit(pcrRead)) == 9)
        running.end()
    }

    @Test func initTakesThePowerAwayAndGivesItBack() throws {
        let running = try serve { $0.isPoweredAtStart = true }
        let board = try ControlClient(unix: control)
        let tpm = try RawClient(unix: data)
        #expect(returnCode(tpm.transmit(startupClear)) == 0)
        let before = tpm.transmit(pcrRead)
        _ = tpm.transmit(extend(1))
        #expect(tpm.transmit(pcrRead) != before)
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        #expect(returnCode(tpm.transmit(pcrRead)) == 38)
        _ = tpm.transmit(startupClear)
        #expect(tpm.transmit(pcrRead) == before)
        running.end()
    }

    @Test func everyRequestIsAmongTheCapabilities() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        board.send(1)
        #expect(board.receive(8) == [0, 0, 0, 0, 0, 1, 0x7f, 0xff])
        running.end()
    }

    @Test func anUnknownRequestHarmsNobody() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        for number in [0, 20, .max] as [UInt32] { #expect(board.request(number) == 10) }
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        running.end()
    }

    @Test func garbageEndsAtMostItsOwnConnection() throws {
        let running = try serve()
        for garbage in [[0], [0, 0, 0, 13, 0, 0], [UInt8](repeating: 0xff, count: 5000)] as [[UInt8]] {
            try ControlClient(unix: control).raw(garbage)
        }
        let long = try ControlClient(unix: control)
        #expect(long.request(7, UInt32.max.bigEndianBytes) == 3)
        #expect(long.isAtEnd)
        let board = try ControlClient(unix: control)
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        running.end()
    }

    @Test func unfinishedRequestsOfAnyNumberShutNobodyOut() throws {
        let running = try serve()
        let talkers = try (0..<64).map { _ in try RawClient(unix: data) }
        for talker in talkers { talker.send([0, 0xc1, 0]) }
        #expect(try ControlClient(unix: control).request(2, [0, 0, 0, 0]) == 0)
        let controls = try (0..<20).map { _ in try ControlClient(unix: control) }
        for control in controls { control.raw([0, 0, 0]) }
        // They are given two seconds.
        #expect(try ControlClient(unix: control).request(14) == 0)
        #expect(controls.first?.isAtEnd == true)
        running.end()
    }

    @Test func aRequestMayComeInPieces() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        board.raw([0, 0])
        board.raw([0, 2, 0])
        usleep(20_000)
        board.raw([0, 0, 0])
        #expect(board.receive(4) == [0, 0, 0, 0])
        running.end()
    }

    // MARK: Localities

    @Test func theLocalityIsThatOfTheCommandsThatFollow() throws {
        let running = try serve { $0.isPoweredAtStart = true }
        let board = try ControlClient(unix: control)
        let tpm = try RawClient(unix: data)
        _ = tpm.transmit(startupClear)
        // TPM_Extend of register 20 is for the localities 1 to 3.
        var command = extend(7)
        command[13] = 20
        #expect(returnCode(tpm.transmit(command)) == 61)
        #expect(board.request(5, locality(2)) == 0)
        #expect(returnCode(tpm.transmit(command)) == 0)
        #expect(board.request(5, [0]) == 0)
        #expect(returnCode(tpm.transmit(command)) == 61)
        #expect(board.request(5, locality(4)) == 0)
        for number in [5, 255] as [UInt8] { #expect(board.request(5, locality(number)) == 61) }
        running.end()
    }

    @Test func localityFourMayBeRefused() throws {
        let running = try serve { $0.rejectsLocality4 = true }
        let board = try ControlClient(unix: control)
        #expect(board.request(5, locality(4)) == 61)
        #expect(board.request(5, locality(3)) == 0)
        running.end()
    }

    @Test func theDriversLocalityCommandIsTakenOnlyWhereItIsAllowed() throws {
        let setLocality: [UInt8] = [0, 0xc1, 0, 0, 0, 11, 0x20, 0, 0x10, 0, 3]
        var running = try serve { $0.isPoweredAtStart = true }
        #expect(returnCode(try RawClient(unix: data).transmit(setLocality)) != 0)
        running.end()
        running = try serve {
            $0.isPoweredAtStart = true
            $0.acceptsSetLocality = true
        }
        let tpm = try RawClient(unix: data)
        _ = tpm.transmit(startupClear)
        var command = extend(7)
        command[13] = 20
        #expect(returnCode(tpm.transmit(command)) == 61)
        #expect(tpm.transmit(setLocality) == [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0])
        #expect(returnCode(tpm.transmit(command)) == 0)
        #expect(returnCode(tpm.transmit(setLocality.dropLast() + [5])) == 61)
        running.end()
    }

    // MARK: The dynamic launch

    @Test func aDynamicLaunchIsMeasured() throws {
        let running = try serve { $0.isPoweredAtStart = true }
        let board = try ControlClient(unix: control)
        let tpm = try RawClient(unix: data)
        _ = tpm.transmit(startupClear)
        #expect(board.request(4) == 0)
        #expect(board.receive(4) == [0, 0, 0, 0])
        #expect(board.request(6) == 0)
        #expect(board.request(7, [0, 0, 0, 3] + Array("abc".utf8)) == 0)
        #expect(board.request(8) == 0)
        var command = pcrRead
        command[13] = 17
        let measured = SHA1.hash(Digest.zero, SHA1.hash(Array("abc".utf8)))
        #expect(Digest(tpm.transmit(command)[10...]) == measured)
        #expect(board.request(4) == 0)
        #expect(board.receive(4) == [1, 0, 0, 0])
        #expect(board.request(11, locality(2)) == 61)
        #expect(board.request(11, locality(3)) == 0)
        #expect(board.request(4) == 0)
        #expect(board.receive(4) == [0, 0, 0, 0])
        // TPM_SHA_THREAD.
        #expect(board.request(8) == 26)
        running.end()
    }

    // MARK: Data descriptors

    @Test func theDataChannelMayBeHandedOver() throws {
        let running = try serve(hasData: false) { $0.isPoweredAtStart = true }
        let board = try ControlClient(unix: control)
        #expect(board.request(16) == 3)
        for _ in 0..<2 {
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            #expect(board.request(16, passing: [ends[1], ends[1]]) == 0)
            // There is one at a time.
            #expect(board.request(16, passing: [ends[1]]) == 31)
            close(ends[1])
            let tpm = RawClient(taking: ends[0])
            #expect(returnCode(tpm.transmit(getRandom(4))) == 38)
            tpm.disconnect()
            usleep(50_000)
        }
        let null = open("/dev/null", O_RDWR)
        #expect(board.request(16, passing: [null]) == 31)
        close(null)
        running.end()
    }

    @Test func aDataAddressLeavesNoRoomForADescriptor() throws {
        let running = try serve()
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        #expect(try ControlClient(unix: control).request(16, passing: [ends[1]]) == 31)
        for end in ends { close(end) }
        running.end()
    }

    @Test func descriptorsThatNobodyAskedForAreClosed() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        #expect(board.request(14, passing: [ends[1]]) == 0)
        close(ends[1])
        // Nobody holds the pipe's other end.
        var byte: UInt8 = 0
        #expect(read(ends[0], &byte, 1) == 0)
        close(ends[0])
        running.end()
    }

    // MARK: Ends

    @Test func shutdownEndsTheServer() throws {
        let running = try serve()
        #expect(try ControlClient(unix: control).request(3) == 0)
        running.wait()
    }

    @Test func theServerMayOutlastItsShutdown() throws {
        let running = try serve {
            $0.isPoweredAtStart = true
            $0.survivesShutdown = true
        }
        let tpm = try RawClient(unix: data)
        // TPM_INVALID_POSTINIT: it has power.
        #expect(returnCode(tpm.transmit(pcrRead)) == 38)
        #expect(try ControlClient(unix: control).request(3) == 0)
        #expect(returnCode(tpm.transmit(pcrRead)) == 9)
        running.end()
    }

    @Test func theServerMayEndWithItsClient() throws {
        let running = try serve { $0.endsWithClient = true }
        // One that only controls does not count.
        _ = try ControlClient(unix: control).request(14)
        let tpm = try RawClient(unix: data)
        #expect(returnCode(tpm.transmit(pcrRead)) == 9)
        tpm.disconnect()
        running.wait()
    }

    @Test func aClientMayGetOneAnswer() throws {
        let running = try serve { $0.closesAfterAnswer = true }
        for _ in 0..<2 {
            let tpm = try RawClient(unix: data)
            #expect(returnCode(tpm.transmit(pcrRead)) == 9)
            #expect(tpm.isAtEnd)
        }
        running.end()
    }

    // MARK: Cancelling

    @Test func aLongCommandIsCancelled() throws {
        let keys = HeldKeys()
        let running = try serve(environment: Environment(keyPairs: keys)) { $0.isPoweredAtStart = true }
        let board = try ControlClient(unix: control)
        let tpm = try RawClient(unix: data)
        let waiting = try RawClient(unix: data)
        _ = tpm.transmit(startupClear)
        tpm.send(createEndorsementKeyPair)
        keys.wasAsked.wait()
        waiting.send(extend(1))
        usleep(50_000)
        // The answer does not wait for the command's.
        #expect(board.request(9) == 0)
        #expect(returnCode(waiting.answer()) == 9)
        keys.mayGive.signal()
        #expect(returnCode(tpm.answer()) == 9)
        // It left nothing behind: there is still no key.
        keys.mayGive.signal()
        #expect(returnCode(tpm.transmit(createEndorsementKeyPair)) == 0)
        running.end()
    }

    // MARK: Sizes and words

    @Test func theBufferIsNoLargerThanAsked() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        let sizes: [(UInt32, UInt32)] = [(0, 4096), (1, 3072), (3500, 3500), (.max, 4096), (3072, 3072)]
        for (asked, given) in sizes {
            #expect(board.request(17, asked.bigEndianBytes) == 0)
            #expect(board.receive(12) == given.bigEndianBytes + [0, 0, 12, 0, 0, 0, 16, 0])
        }
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        #expect(board.request(17, [0, 0, 16, 0]) == 10)
        let tpm = try RawClient(unix: data)
        _ = tpm.transmit(startupClear)
        // TPM_StirRandom with more bytes than there is room for.
        let long: [UInt8] = [0, 0xc1, 0, 0, 13, 0, 0, 0, 0, 0x47] + [UInt8](repeating: 0, count: 0xcf6)
        #expect(returnCode(tpm.transmit(long)) == 25)
        running.end()
    }

    @Test(
        arguments: [
            (1, 0, #"{"TPMSpecification":{"family":"1.2","level":2,"revision":116}}"#),
            (4, 0, "{}"),
            (1, 60, "}}"),
        ] as [(UInt8, UInt8, String)])
    func whatTheTPMIsIsTold(flags: UInt8, offset: UInt8, text: String) throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        #expect(board.request(18, [0, 0, 0, 0, 0, 0, 0, flags, 0, 0, 0, offset, 0, 0, 0, 0]) == 0)
        #expect(UInt32(bigEndian: board.receive(4)) == UInt32(text.utf8.count) + UInt32(offset) + 1)
        #expect(UInt32(bigEndian: board.receive(4)) == UInt32(text.utf8.count) + 1)
        #expect(board.receive(text.utf8.count + 1) == Array(text.utf8) + [0])
        #expect(board.request(18, [0, 0, 0, 0, 0, 0, 0, flags, 0, 1, 0, 0, 0, 0, 0, 0]) == 3)
        running.end()
    }

    @Test func theKeysInUseAreTold() throws {
        let running = try serve()
        let board = try ControlClient(unix: control)
        #expect(board.request(15) == 0)
        #expect(board.receive(4) == [0, 0, 0, 0])
        running.end()
    }
}
