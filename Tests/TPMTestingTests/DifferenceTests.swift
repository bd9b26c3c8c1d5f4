import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

/// What differs, in the specification's words.
@Suite struct DifferenceTests {
    private static let read: [UInt8] = [0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 3]

    @Test func twoCommandsDifferInAField() {
        var other = Self.read
        other[13] = 4
        let difference = Difference.betweenCommands(Self.read, other)
        #expect(
            difference?.description == """
                TPM_PcrRead, pcrIndex
                  expected 0x00000003
                  found    0x00000004
                """)
        #expect(Difference.betweenCommands(Self.read, Self.read) == nil)
    }

    @Test func anotherCommandDiffersInItsOrdinal() {
        let other: [UInt8] = [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x0a]
        let difference = Difference.betweenCommands(Self.read, other)
        #expect(difference?.place == "TPM_PcrRead, paramSize")
        #expect(difference?.others == ["ordinal", "pcrIndex"])
    }

    @Test func twoAnswersDiffer() throws {
        let success = [0, 0xc4, 0, 0, 0, 30] + [UInt8](repeating: 0, count: 24)
        var other = success
        other[29] = 1
        let difference = try #require(Difference.betweenAnswers(success, other, to: .pcrRead))
        #expect(difference.place == "the answer to TPM_PcrRead, outDigest")
        #expect(difference.found == String(repeating: "0", count: 39) + "1")
        #expect(Difference.betweenAnswers(success, other)?.place == "the answer, bytes")
        let failure: [UInt8] = [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 2]
        #expect(Difference.betweenAnswers(success, failure, to: .pcrRead)?.others.first == "returnCode")
    }

    @Test func bytesThatMeanNothingDiffer() {
        for (one, other) in [([], [0]), ([0], [1]), ([0, 0xc1, 0], [0, 0xc1, 1])] as [([UInt8], [UInt8])] {
            #expect(Difference.betweenCommands(one, other) != nil)
            #expect(Difference.betweenAnswers(one, other) != nil)
            #expect(Difference.betweenCommands(one, one) == nil)
        }
    }

    /// Of long values the part is shown that differs.
    @Test func longValuesAreCut() throws {
        var key = Key.template(.signing)
        key.pubKey = StorePubkey(key: [UInt8](repeating: 7, count: 256))
        var other = key
        other.pubKey.key[200] = 8
        other.encData = [1]
        let difference = try #require(Difference.between(key, other))
        #expect(difference.place == "Key, pubKey.key")
        #expect(difference.expected.hasSuffix("(256 bytes, from byte 192)"))
        #expect(
            difference.expected.hasPrefix("…0707070707070707" + "07")
                && difference.found.hasPrefix("…070707070707070708"))
        #expect(difference.others == ["encDataSize", "encData"])
        #expect(difference.description.utf8.split(separator: 10).allSatisfy { $0.count < 120 })
    }

    @Test func fieldsThatAreNotThereDiffer() throws {
        let (key, bound) = (
            Key.template(.signing),
            Key.template(.signing, boundTo: PCRInfoLong())
        )
        let difference = try #require(Difference.between(key, bound))
        #expect(difference.place == "Key, PCRInfoSize")
    }

    @Test func twoStatesDiffer() throws {
        let tpm = try TestTPM(.withKeys)
        let before = tpm.snapshot()
        #expect(Difference.between(before, before) == nil)
        try tpm.client.extend(3, with: Digest(repeating: 1))
        let difference = try #require(Difference.between(before, tpm.snapshot()))
        #expect(difference.place == "the TPM, volatile.PCRs[3].value")
        #expect(difference.others.isEmpty)
        let middle = tpm.snapshot()
        _ = try tpm.client.oiap(.wellKnown)
        #expect(Difference.between(middle, tpm.snapshot())?.place.contains("any.sessions") == true)
    }

    /// A command that fails leaves nothing behind but the count of failures.
    @Test func whatAFailureLeavesIsSeen() throws {
        let tpm = try TestTPM()
        let before = tpm.snapshot()
        try expectResult(.authFail) { try tpm.client.clear(owner: .wellKnown) }
        let difference = try #require(Difference.between(before, tpm.snapshot()))
        #expect(difference.place == "the TPM, permanent.failedAuthorizations" && difference.others.isEmpty)
    }

    // MARK: Results

    @Test func aResultIsExpected() throws {
        let tpm = try TestTPM()
        try expectResult(.success) { try tpm.client.pcrs() }
        try expectResult(.authFail) { try tpm.client.clear(owner: .wellKnown) }
        #expect(Difference.ofResult(.badIndex) { try tpm.client.pcr(99) } == nil)
    }

    @Test func anotherResultIsTold() throws {
        let client = try TestTPM().client
        let error = #expect(throws: Difference.self) {
            try expectResult(.success) { try client.clear(owner: .wellKnown) }
        }
        #expect(error?.place == "the result of TPM_OwnerClear")
        #expect(error?.expected.hasPrefix("TPM_SUCCESS") == true && error?.found.hasPrefix("TPM_AUTHFAIL") == true)
        let success = #expect(throws: Difference.self) { try expectResult(.authFail) { try client.pcrs() } }
        #expect(success?.found.hasPrefix("TPM_SUCCESS") == true)
        struct Other: Error {}
        #expect(Difference.ofResult(.authFail) { throw Other() }?.found == "Other()")
    }

    @Test func aDifferenceIsThrown() {
        #expect(throws: Difference.self) { try Difference.betweenCommands([0], [1]).orThrow() }
        #expect(throws: Never.self) { try Difference.betweenCommands([0], [0]).orThrow() }
    }

    @Test func recordingsDifferInAnEvent() throws {
        let origin = Recording.Origin(start: .owned, seed: "a")
        let one = Recording(origin: origin, events: [.powerOff, .powerOn, .clock(5)])
        #expect(Difference.between(one, one) == nil)
        var other = one
        other.events[1] = .random(.fails)
        let difference = Difference.between(one, other)
        #expect(difference?.place == "event 2" && difference?.found == "random fails")
        other = one
        other.events.removeLast()
        #expect(Difference.between(one, other)?.found == "the end")
        #expect(Difference.between(other, one)?.expected == "the end")
        other = one
        other.origin?.seed = "b"
        #expect(Difference.between(one, other)?.found == "seed \"b\", start owned")
        let exchange = Recording.Exchange(command: Self.read, answer: nil)
        let moved = Recording.Exchange(command: Self.read, answer: nil, locality: .one)
        let answered = Recording.Exchange(command: Self.read, answer: [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 2])
        func compared(_ other: Recording.Exchange) -> Difference? {
            Difference.between(
                Recording(events: [.command(exchange)]), Recording(events: [.command(other)]))
        }
        #expect(compared(moved)?.place == "event 1, TPM_PcrRead, the locality")
        #expect(compared(answered)?.expected == "none")
        #expect(compared(exchange) == nil)
    }
}
