import TPMClient
import TPMCrypto
import TPMEngine
import TPMTesting
import TPMWire
import Testing

/// What breaks when a test says so.
@Suite struct FaultTests {
    private static let area: UInt32 = 0x1_0001

    /// A TPM with an NV area, in which each write to the area is one to the store.
    private func tpmWithArea() throws -> TestTPM {
        let tpm = try TestTPM()
        try tpm.client.defineNV(Self.area, size: 1, permissions: [.ownerWrite], owner: tpm.secrets.owner)
        return tpm
    }

    private func write(_ value: UInt8, to tpm: TestTPM) throws {
        try tpm.client.writeNV(Self.area, [value], as: .owner(tpm.secrets.owner))
    }

    private func value(in tpm: TestTPM) throws -> UInt8? { try tpm.client.readNV(Self.area, count: 1).first }

    // MARK: The store

    @Test(arguments: [false, true])
    func thePowerIsLostAtAWrite(_ isAfter: Bool) throws {
        let tpm = try tpmWithArea()
        tpm.storeFault = isAfter ? .powerLostAfter(write: 3) : .powerLostBefore(write: 3)
        try write(1, to: tpm)
        try write(2, to: tpm)
        // Reading writes nothing.
        #expect(try value(in: tpm) == 2 && tpm.hasPower)
        #expect(throws: ClientError.self) { try write(3, to: tpm) }
        #expect(!tpm.hasPower && tpm.storeFault == nil)
        #expect(throws: ClientError.self) { try tpm.client.pcrs() }
        try tpm.powerCycle()
        #expect(try value(in: tpm) == (isAfter ? 3 : 2))
        try write(4, to: tpm)
        #expect(try value(in: tpm) == 4)
    }

    @Test func aWriteNumberBelowOneIsTheNext() throws {
        for fault in [StoreFault.powerLostBefore(write: 0), .powerLostAfter(write: -3)] {
            let tpm = try tpmWithArea()
            tpm.storeFault = fault
            #expect(throws: ClientError.self) { try write(3, to: tpm) }
            #expect(!tpm.hasPower)
        }
    }

    @Test func aStoreThatFailsTakesBackWhatItDidNotTake() throws {
        let tpm = try tpmWithArea()
        try write(1, to: tpm)
        let before = tpm.storeWrites
        tpm.storeFault = .failing(times: 2, .noSpace)
        try expectResult(.noSpace) { try write(2, to: tpm) }
        #expect(try value(in: tpm) == 1)
        #expect(tpm.storeFault == nil)
        try write(3, to: tpm)
        #expect(try value(in: tpm) == 3)
        #expect(tpm.storeWrites > before + 2)
    }

    @Test func aStoreThatFailsLosesWithThePowerWhatItDidNotTake() throws {
        let tpm = try TestTPM()
        tpm.storeFault = .failing(times: 100)
        try expectResult(.fail) { try tpm.client.clear(owner: .wellKnown) }
        #expect(tpm.state?.permanent.failedAuthorizations == 1)
        tpm.storeFault = nil
        try tpm.powerCycle()
        #expect(tpm.state?.permanent.failedAuthorizations == 0)
    }

    @Test func noFailureIsNoFault() throws {
        let tpm = try tpmWithArea()
        tpm.storeFault = .failing(times: 0)
        try write(2, to: tpm)
        #expect(try value(in: tpm) == 2)
    }

    /// At each write of a session in turn the power goes: what was answered is there, and nothing else is half there.
    @Test func whatWasAnsweredOutlivesEveryLossOfPower() throws {
        let first = try tpmWithArea()
        try write(0, to: first)
        let start = first.snapshot()
        for isAfter in [false, true] {
            for number in 1...6 {
                let tpm = TestTPM(start)
                tpm.storeFault = isAfter ? .powerLostAfter(write: number) : .powerLostBefore(write: number)
                var answered: UInt8 = 0
                while answered < 9, (try? write(answered + 1, to: tpm)) != nil { answered += 1 }
                #expect(Int(answered) == number - 1)
                try tpm.powerCycle()
                #expect(try value(in: tpm) == (isAfter ? answered + 1 : answered))
            }
        }
    }

    // MARK: The random source

    @Test func aRandomSourceThatRepeatsGivesOneNonce() throws {
        let tpm = try TestTPM()
        _ = try tpm.client.oiap(.wellKnown)
        tpm.randomFault = .repeats
        let nonces = try (0..<3).map { _ in try tpm.client.oiap(.wellKnown).nonceEven }
        #expect(Set(nonces).count == 1)
        // Handles are told apart all the same.
        #expect(Set(try tpm.client.handles(of: .auth)).count == 4)
        tpm.randomFault = nil
        #expect(try tpm.client.oiap(.wellKnown).nonceEven != nonces[0])
    }

    @Test func aRandomSourceThatFailsFailsTheCommand() throws {
        let tpm = try TestTPM()
        tpm.randomFault = .fails
        try expectResult(.fail) { try tpm.client.oiap(.wellKnown) }
        try expectResult(.success) { try tpm.client.pcrs() }
        tpm.randomFault = nil
        _ = try tpm.client.oiap(.wellKnown)
    }

    // MARK: Power

    @Test func aTPMWithoutPowerAnswersNothing() throws {
        let tpm = try TestTPM()
        tpm.powerOff()
        tpm.powerOff()
        let error = #expect(throws: ClientError.self) { try tpm.client.pcrs() }
        #expect(error?.description == "The TPM has no power.")
        #expect(tpm.state == nil)
        try tpm.powerOn()
        try expectResult(.invalidPostInit) { try tpm.client.pcrs() }
    }

    @Test func powerThatComesTwiceTakesWhatIsVolatile() throws {
        let tpm = try TestTPM()
        try tpm.client.extend(3, with: Digest(repeating: 1))
        try tpm.powerOn()
        try tpm.client.execute(Startup.self, .init(.clear))
        #expect(try tpm.client.pcr(3).isZero)
    }

    @Test func aSavedStateIsGoneOnWith() throws {
        let tpm = try TestTPM()
        try tpm.client.extend(3, with: Digest(repeating: 1))
        try tpm.client.execute(SaveState.self, .init())
        try tpm.powerCycle(.state)
        #expect(try tpm.client.pcr(3) == SHA1.hash(Digest.zero, Digest(repeating: 1)))
        try expectResult(.failedSelfTest) { try tpm.powerCycle(.state) }
    }

    @Test func physicalPresenceIsAssertedAndTakenBack() throws {
        let tpm = try TestTPM(.endorsed)
        try expectResult(.badPresence) { try tpm.client.execute(PhysicalEnable.self, .init()) }
        try tpm.setPhysicalPresence(true)
        try tpm.client.execute(PhysicalEnable.self, .init())
        try tpm.setPhysicalPresence(false)
        try expectResult(.badPresence) { try tpm.client.execute(PhysicalEnable.self, .init()) }
    }

    @Test func thePinCountsOnceItIsEnabled() throws {
        let tpm = try TestTPM(.endorsed)
        tpm.presencePin = true
        try expectResult(.badPresence) { try tpm.client.forceClear() }
        try tpm.client.execute(TSCPhysicalPresence.self, .init(physicalPresence: .hwEnable))
        let fork = tpm.fork()
        tpm.presencePin = false
        try expectResult(.badPresence) { try tpm.client.forceClear() }
        #expect(fork.presencePin)
        try fork.client.forceClear()
        fork.restore(tpm.snapshot())
        #expect(!fork.presencePin)
    }

    @Test func commandsArriveWhereTheTestSays() throws {
        let tpm = try TestTPM()
        try expectResult(.badLocality) { try tpm.client.extend(20, with: Digest(repeating: 1)) }
        tpm.locality = .two
        try tpm.client.extend(20, with: Digest(repeating: 1))
        let extend = try TPMClient.encode(Extend.self, .init(pcrNum: 20, inDigest: Digest(repeating: 1)))
        #expect(try tpm.execute(extend, at: .zero)[9] == UInt8(TPMResult.badLocality.rawValue))
    }

    /// What is set behind the TPM's back stays.
    @Test func aStateThatIsSetIsStored() throws {
        let tpm = try TestTPM()
        var state = try #require(tpm.state)
        state.permanent.flags.disableOwnerClear = true
        tpm.state = state
        try tpm.powerCycle()
        try expectResult(.clearDisabled) { try tpm.client.clear(owner: tpm.secrets.owner) }
        tpm.powerOff()
        tpm.state = state
        #expect(tpm.state == nil)
    }
}
