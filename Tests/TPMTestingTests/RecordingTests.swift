import TPMClient
import TPMCrypto
import TPMEngine
import TPMTesting
import TPMWire
import Testing

/// Sessions that are written down, read and done once more.
@Suite struct RecordingTests {
    /// A session in which everything happens that a recording knows.
    private func session(seed: String = "everything") throws -> TestTPM {
        let tpm = try TestTPM(.withKeys, seed: seed, records: true)
        let client = tpm.client
        _ = try client.seal(Secret([1, 2, 3]))
        tpm.clock.advance(by: .milliseconds(5123))
        _ = try client.ticks()
        tpm.locality = .two
        try client.extend(20, with: Digest(repeating: 1))
        tpm.locality = .zero
        tpm.presencePin = true
        tpm.randomFault = .repeats
        _ = try client.oiap(.wellKnown)
        tpm.randomFault = .fails
        _ = try? client.oiap(.wellKnown)
        tpm.randomFault = nil
        tpm.storeFault = .failing(times: 1, .noSpace)
        _ = try? client.clear(owner: .wellKnown)
        tpm.storeFault = .powerLostBefore(write: 4)
        tpm.storeFault = nil
        tpm.storeFault = .powerLostAfter(write: 1)
        _ = try? client.clear(owner: .wellKnown)
        _ = try? client.pcrs()
        try tpm.powerCycle()
        _ = try client.storageRootKey(owner: tpm.secrets.owner)
        _ = try tpm.execute([])
        _ = try tpm.execute([0, 0xc1, 0, 0, 0, 9, 1])
        return tpm
    }

    @Test func aRecordingIsTheSameAsText() throws {
        let recording = try #require(try session().recording)
        #expect(Difference.between(recording, try Recording(text: recording.text)) == nil)
        #expect(try Recording(text: recording.text) == recording)
        let events = recording.events.map { event in
            if case .command = event { "command" } else { "\(event)" }
        }
        #expect(Set(events).count >= 10)
    }

    @Test func aRecordingIsDoneOnceMore() throws {
        let recording = try #require(try session().recording)
        #expect(try recording.replay() == nil)
        #expect(try Recording(text: recording.text).replay() == nil)
    }

    /// The first answer that differs is told in the specification's words.
    @Test func aReplayTellsTheFirstDifference() throws {
        var recording = try #require(try session().recording)
        let place = try #require(
            recording.events.firstIndex { event in
                if case .command(let exchange) = event { exchange.command[9] == 0x17 } else { false }
            })
        guard case .command(var exchange) = recording.events[place] else { return }
        // The last byte of resAuth.
        let answer = try #require(exchange.answer)
        exchange.answer = answer.dropLast() + [(answer.last ?? 0) ^ 1]
        recording.events[place] = .command(exchange)
        let difference = try #require(try recording.replay())
        #expect(difference.place == "event \(place + 1), the answer to TPM_Seal, auth1.resAuth")
        #expect(difference.others.isEmpty)
    }

    @Test func anotherTPMAnswersOtherwise() throws {
        var recording = try #require(try session().recording)
        recording.origin?.seed = "other"
        let difference = try #require(try recording.replay())
        #expect(difference.place.contains("the answer to TPM_OSAP"))
    }

    @Test func aRecordingWithoutABeginningIsNotReplayedByItself() throws {
        let recording = Recording(events: [.powerOff])
        let error = #expect(throws: TestTPMError.self) { try recording.replay() }
        #expect(error?.description.contains("how its TPM began") == true)
        #expect(recording.replay(on: try TestTPM()) == nil)
    }

    /// Restoring goes back in the recording, too, so that it is the way to where the TPM is.
    @Test func aRecordingGoesBackWithTheTPM() throws {
        let tpm = try TestTPM(records: true)
        try tpm.client.extend(3, with: Digest(repeating: 1))
        let snapshot = tpm.snapshot()
        tpm.clock.advance(seconds: 1)
        try tpm.client.extend(3, with: Digest(repeating: 2))
        #expect(tpm.recording?.events.count == 3)
        let fork = tpm.fork()
        tpm.restore(snapshot)
        #expect(tpm.recording?.events.count == 1 && fork.recording?.events.count == 3)
        try tpm.client.extend(3, with: Digest(repeating: 3))
        #expect(try tpm.recording?.replay() == nil)
        #expect(tpm.recording?.exchanges.count == 2)
    }

    @Test func nobodyRecordsUnasked() throws {
        let tpm = try TestTPM()
        try tpm.client.extend(3, with: Digest(repeating: 1))
        #expect(tpm.recording == nil && tpm.fork().recording == nil)
    }

    // MARK: The text

    @Test func theTextIsReadable() throws {
        let tpm = try TestTPM(.endorsed.and(.lockedOut), seed: "a \"seed\"\n\\", records: true)
        tpm.clock.advance(by: .seconds(5))
        _ = try tpm.client.pcr(0)
        let expected = """
            TPM session 1
            seed "a \\"seed\\"\\u{a}\\\\"
            start endorsed, locked-out

            clock 5.000000

            command TPM_PcrRead
            > 00c10000000e0000001500000000
              tag: 0x00c1 rquCommand
              paramSize: 0x0000000e
              ordinal: 0x00000015 TPM_ORD_PcrRead
              pcrIndex: 0x00000000
            answer TPM_SUCCESS (0x00000000)
            < 00c40000001e000000000000000000000000000000000000000000000000
              tag: 0x00c4 rspCommand
              paramSize: 0x0000001e
              returnCode: 0x00000000 TPM_SUCCESS
              outDigest: 0000000000000000000000000000000000000000

            end

            """
        let recording = try #require(tpm.recording)
        #expect(recording.text == expected)
        #expect("\(recording)" == expected)
        #expect(try Recording(text: expected).origin == recording.origin)
    }

    @Test func secretsOfOnesOwnAreInTheText() throws {
        var secrets = KnownSecrets()
        secrets.srk = Secret(Digest(repeating: 0xab))
        let recording = try #require(try TestTPM(secrets: secrets, records: true).recording)
        #expect(recording.text.contains("secret srk \(String(repeating: "ab", count: 20))\n"))
        #expect(!recording.text.contains("secret owner"))
        #expect(try Recording(text: recording.text) == recording)
    }

    @Test func remarksAndOtherLineEndsAreNotInTheWay() throws {
        let text = "TPM session 1\r\n# Made by hand.\r\n\r\n  explained\r\npower off\r\nend\r\n"
        #expect(try Recording(text: text) == Recording(events: [.powerOff]))
    }

    @Test(arguments: [
        ("", 1), ("TPM session 2\nend", 1), ("seed \"a\"", 1), ("TPM session 1\npower off", 2),
        ("TPM session 1\nend\npower off", 3), ("TPM session 1\nstart nowhere\nend", 2),
        ("TPM session 1\nseed a\nend", 2), ("TPM session 1\nseed \"\\", 2), ("TPM session 1\nseed \"\\\"", 2),
        ("TPM session 1\nseed \"\\u{110000}\"\nend", 2), ("TPM session 1\nseed \"\\ua}\"\nend", 2),
        ("TPM session 1\nclock 5\nend", 2), ("TPM session 1\nclock 5.12345\nend", 2),
        ("TPM session 1\nclock 99999999999999999999.000000\nend", 2), ("TPM session 1\nclock -1.000000\nend", 2),
        ("TPM session 1\npower maybe\nend", 2), ("TPM session 1\npresence\nend", 2),
        ("TPM session 1\nstore burns\nend", 2), ("TPM session 1\nstore\nend", 2),
        ("TPM session 1\nstore works not\nend", 2), ("TPM session 1\nstore fails x with 0x1\nend", 2),
        ("TPM session 1\nstore fails 1 with 1\nend", 2), ("TPM session 1\nstore fails 1 with 0x100000000\nend", 2),
        ("TPM session 1\nstore loses the power before write x\nend", 2),
        ("TPM session 1\nstore loses the power during write 1\nend", 2), ("TPM session 1\nrandom\nend", 2),
        ("TPM session 1\n> 00\nend", 2), ("TPM session 1\n< 00\nend", 2), ("TPM session 1\nanswer none\nend", 2),
        ("TPM session 1\ncommand X\npower off\nend", 3), ("TPM session 1\ncommand X\nend", 3),
        ("TPM session 1\ncommand X at locality 5\nanswer none\nend", 2),
        ("TPM session 1\ncommand X\n> 0\nanswer none\nend", 3),
        ("TPM session 1\ncommand X\n> 0g\nanswer none\nend", 3),
        ("TPM session 1\ncommand X\n> 00\nanswer none\n< 00\nend", 5),
        ("TPM session 1\ncommand X\n> 00\nanswer X\n> 00\nend", 5), ("TPM session 1\nsecret srk 00\nend", 2),
        ("TPM session 1\nstart owned\nsecret srk 00\nend", 3),
        ("TPM session 1\nstart owned\nsecret other \(zeros)\nend", 3),
        ("TPM session 1\nsecret srk \(zeros)\nend", 2), ("TPM session 1\nend of it\n", 2), ("\u{0}\u{1}\u{ff}", 1),
    ])
    func aTextThatIsNoneIsRefusedWithItsLine(_ text: String, _ line: Int) {
        let error = #expect(throws: RecordingError.self) { try Recording(text: text) }
        #expect(error?.line == line, "\(text)")
        #expect(error.map { "\($0)".hasPrefix("line \(line): ") } == true)
    }

    private static let zeros = String(repeating: "00", count: 20)

    // MARK: Words

    @Test func wordsMakeThingsHappen() throws {
        let tpm = try TestTPM()
        try tpm.perform(words: "clock 5.000001")
        #expect(tpm.clock.microseconds == 5_000_001)
        try tpm.perform(words: "power off")
        #expect(!tpm.hasPower)
        try tpm.perform(words: "power on")
        try expectResult(.invalidPostInit) { try tpm.client.pcrs() }
        try tpm.perform(words: "power cycle")
        #expect(try tpm.client.hasOwner())
        try tpm.perform(words: "presence on")
        #expect(tpm.presencePin)
        try tpm.perform(words: "presence off")
        #expect(!tpm.presencePin)
        try tpm.perform(words: "locality 3")
        #expect(tpm.locality == .three)
        try tpm.perform(words: "random repeats")
        try tpm.perform(words: "store loses the power after write 7")
        #expect(tpm.randomFault == .repeats && tpm.storeFault == .powerLostAfter(write: 7))
        try tpm.perform(words: "store fails 2 with 0x11")
        #expect(tpm.storeFault == .failing(times: 2, .noSpace))
    }

    @Test(arguments: [
        "", "boil", "locality 5", "locality", "start owned", "seed \"a\"", "command X", "end", "power off\npower on",
        "# power off",
    ])
    func otherWordsAreRefused(_ words: String) throws {
        let tpm = try TestTPM(.factory)
        #expect(throws: RecordingError.self) { try tpm.perform(words: words) }
    }

    // MARK: Transports

    /// A TPM that is no TestTPM is recorded, and its recording plays the TPM.
    @Test func anyTPMIsRecordedAndPlayed() throws {
        let transport = RecordingTransport(try TestTPM(seed: "hardware"))
        let client = TPMClient(transport, random: SeededRandom(seed: 1))
        let blob = try client.seal(Secret([4, 5]))
        #expect(transport.recording.origin == nil && transport.recording.exchanges.count == 2)
        let recording = try Recording(text: transport.recording.text)
        let played = RecordedTPM(recording)
        #expect(try TPMClient(played, random: SeededRandom(seed: 1)).seal(Secret([4, 5])) == blob)
        #expect(played.remaining == 0 && played.difference == nil)
        #expect(throws: ClientError.self) { try played.transmit([0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 10]) }
    }

    @Test func aPlayedTPMTellsTheFirstCommandThatDiffers() throws {
        let transport = RecordingTransport(try TestTPM())
        _ = try TPMClient(transport, random: SeededRandom(seed: 1)).seal(Secret([4, 5]))
        let played = RecordedTPM(transport.recording)
        let error = #expect(throws: ClientError.self) {
            try TPMClient(played, random: SeededRandom(seed: 1)).seal(Secret([4, 6]))
        }
        #expect(played.difference?.place == "the recorded command, TPM_Seal, inData")
        #expect(played.difference?.expected == "0405" && played.difference?.found == "0406")
        #expect(error?.description.contains("inData") == true)
        #expect(throws: ClientError.self) { try played.transmit(transport.recording.exchanges[1].command) }
    }

    @Test func aTPMThatDoesNotAnswerIsRecordedSo() throws {
        let tpm = try TestTPM()
        tpm.powerOff()
        let transport = RecordingTransport(tpm)
        #expect(throws: ClientError.self) { try TPMClient(transport).pcrs() }
        #expect(transport.recording.exchanges.first?.answer == nil)
        let played = RecordedTPM(transport.recording)
        #expect(throws: ClientError.self) { try TPMClient(played).pcrs() }
        #expect(played.difference == nil)
    }
}
