import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

/// A TPM's copies: snapshots and forks.
@Suite struct SnapshotTests {
    @Test func aForkGoesItsOwnWay() throws {
        let tpm = try TestTPM()
        try tpm.client.extend(10, with: Digest(repeating: 1))
        tpm.clock.advance(seconds: 3)
        let fork = tpm.fork()
        #expect(Difference.between(tpm.snapshot(), fork.snapshot()) == nil)
        try fork.client.extend(10, with: Digest(repeating: 2))
        fork.clock.advance(seconds: 1)
        fork.locality = .two
        #expect(try tpm.client.pcr(10) == SHA1.hash(Digest.zero, Digest(repeating: 1)))
        #expect(tpm.clock.microseconds == 3_000_000 && fork.clock.microseconds == 4_000_000)
        #expect(tpm.locality == .zero)
    }

    /// Nonces, keys and what the client draws are those that the TPM itself would have had.
    @Test func aForkGoesOnWithTheSameBytes() throws {
        let tpm = try TestTPM()
        let fork = tpm.fork()
        let keys = try [tpm, fork].map { try $0.client.createKey(.template(.signing)) }
        #expect(keys[0] == keys[1])
        let blobs = try [tpm, fork].map { try $0.client.seal(Secret([1])) }
        #expect(blobs[0] == blobs[1])
    }

    @Test func aSnapshotIsComeBackTo() throws {
        let tpm = try TestTPM()
        let client = tpm.client
        let blob = try client.seal(Secret([1]))
        let snapshot = tpm.snapshot()
        let first = try client.createKey(.template(.signing))
        try client.clear(owner: tpm.secrets.owner)
        tpm.clock.advance(seconds: 9)
        tpm.powerOff()
        tpm.restore(snapshot)
        #expect(tpm.hasPower && tpm.clock.microseconds == 0)
        #expect(try client.unseal(blob) == Secret([1]))
        tpm.restore(snapshot)
        #expect(try client.createKey(.template(.signing)) == first)
    }

    @Test func whatIsStoredComesBackToo() throws {
        let tpm = try TestTPM()
        let snapshot = tpm.snapshot()
        try tpm.client.clear(owner: tpm.secrets.owner)
        tpm.restore(snapshot)
        try tpm.powerCycle()
        #expect(try tpm.client.hasOwner())
    }

    @Test func anOpenSessionGoesOnInBoth() throws {
        let tpm = try TestTPM(.withKeys)
        let key = try tpm.key(.signing).handle
        let session = try tpm.client.oiap(tpm.secrets.key, continues: true)
        let fork = tpm.fork()
        let copy = session.copy()
        let request = Sign.Request(keyHandle: key, areaToSign: Digest(repeating: 1).bytes)
        try tpm.client.execute(Sign.self, request, session)
        try tpm.client.execute(Sign.self, request, session)
        try fork.client.execute(Sign.self, request, copy)
        try fork.client.execute(Sign.self, request, copy)
        #expect(session.nonceEven == copy.nonceEven)
    }

    @Test func aSnapshotMakesATPM() throws {
        let tpm = try TestTPM(.withKeys, seed: "first")
        tpm.locality = .three
        let other = TestTPM(tpm.snapshot())
        #expect(other.seed == "first" && other.keys == tpm.keys && other.locality == .three)
        #expect(other.start == .withKeys && other.secrets == tpm.secrets)
    }

    @Test func aTPMWithoutPowerIsCopiedAsOne() throws {
        let tpm = try TestTPM()
        tpm.powerOff()
        let fork = tpm.fork()
        #expect(!fork.hasPower && fork.state == nil && tpm.snapshot().state == nil)
        #expect(Difference.between(tpm.snapshot(), fork.snapshot()) == nil)
        try fork.powerCycle()
        #expect(try fork.client.hasOwner())
        #expect(Difference.between(tpm.snapshot(), fork.snapshot())?.place == "the power")
    }

    @Test func faultsAreCopied() throws {
        let tpm = try TestTPM()
        tpm.storeFault = .failing(times: 2, .noSpace)
        tpm.randomFault = .repeats
        let nonces = try [tpm.client.oiap(.wellKnown).nonceEven, tpm.client.oiap(.wellKnown).nonceEven]
        #expect(nonces[0] == nonces[1])
        let fork = tpm.fork()
        #expect(fork.randomFault == .repeats && fork.storeFault == .failing(times: 2, .noSpace))
        #expect(try fork.client.oiap(.wellKnown).nonceEven == nonces[0])
        fork.randomFault = nil
        #expect(try fork.client.oiap(.wellKnown).nonceEven != nonces[0])
        #expect(tpm.randomFault == .repeats)
    }

    @Test func whatASnapshotKnowsIsNotAltered() throws {
        let tpm = try TestTPM()
        let snapshot = tpm.snapshot()
        try tpm.client.extend(5, with: Digest(repeating: 1))
        _ = try tpm.client.createKey(.template(.signing))
        #expect(snapshot.state?.clear.pcrs[5].isZero == true)
        let (one, other) = (TestTPM(snapshot), TestTPM(snapshot))
        #expect(try one.client.createKey(.template(.bind)) == other.client.createKey(.template(.bind)))
    }
}
