import Foundation
import GRDB
import TPMCrypto
import Testing

@testable import VTPMManager

@Suite struct ContentSumTests {
    private func code(_ seed: UInt8) -> [UInt8] { SHA256.hash([seed]) }

    @Test func theOrderDoesNotMatter() {
        var (one, other) = (ContentSum(), ContentSum())
        for seed in 0..<50 as Range<UInt8> { one += ContentSum(code: code(seed)) }
        for seed in (0..<50 as Range<UInt8>).reversed() { other += ContentSum(code: code(seed)) }
        #expect(one == other && one != ContentSum())
    }

    @Test func whatIsTakenAwayIsGone() {
        var sum = ContentSum()
        for seed in 0..<50 as Range<UInt8> { sum += ContentSum(code: code(seed)) }
        let before = sum
        for seed in 50..<100 as Range<UInt8> { sum += ContentSum(code: code(seed)) }
        #expect(sum != before)
        for seed in 50..<100 as Range<UInt8> { sum -= ContentSum(code: code(seed)) }
        #expect(sum == before)
        for seed in 0..<50 as Range<UInt8> { sum -= ContentSum(code: code(seed)) }
        #expect(sum == ContentSum())
    }

    @Test func itCarriesAndWraps() {
        let all = [UInt8](repeating: 0xff, count: 32)
        var sum = ContentSum(code: all)
        #expect(sum.bytes == all)
        sum += ContentSum(code: [1])
        #expect(sum == ContentSum())
        sum -= ContentSum(code: [1])
        #expect(sum.bytes == all)
        sum = ContentSum(code: [UInt8](repeating: 0xff, count: 16))
        sum += ContentSum(code: [1])
        #expect(sum.bytes == [UInt8](repeating: 0, count: 16) + [1] + [UInt8](repeating: 0, count: 15))
    }

    /// A row counts with all that it is.
    @Test func everyPartOfARowCounts() {
        let keys = StoreKeys(integrityKey: TestStore.integrityKey, store: UUID())
        let (one, other) = (UUID(), UUID())
        let sums = [
            ContentSum(.record, one, number: 1, version: 1, contents: [[1, 2]], keys),
            ContentSum(.record, one, number: 1, version: 1, contents: [[1], [2]], keys),
            ContentSum(.record, one, number: 1, version: 1, contents: [[], [1, 2]], keys),
            ContentSum(.record, one, number: 1, version: 2, contents: [[1, 2]], keys),
            ContentSum(.record, one, number: 2, version: 1, contents: [[1, 2]], keys),
            ContentSum(.record, other, number: 1, version: 1, contents: [[1, 2]], keys),
            ContentSum(.removed, one, number: 1, version: 1, contents: [[1, 2]], keys),
            ContentSum(
                .record, one, number: 1, version: 1, contents: [[1, 2]],
                StoreKeys(integrityKey: TestStore.groupKey, store: UUID())),
        ]
        #expect(Set(sums.map(\.bytes)).count == sums.count)
    }
}

@Suite struct StoreChainTests {
    private let test: TestStore

    init() throws { test = try TestStore() }

    /// What a hardware TPM would be given.
    private func checkpoint() throws -> Checkpoint { try #require(test.store.nextCheckpoint()) }

    private func chainSequences() throws -> [Int64] {
        try test.store.writer.read { try Int64.fetchAll($0, sql: "SELECT sequence FROM chain ORDER BY sequence") }
    }

    @Test func everyCommitIsCounted() throws {
        let first = try checkpoint()
        try test.store.confirm(first)
        let guest = try test.guest("web")
        try test.store.setState(of: guest, to: .running)
        try test.store.append(Event(kind: "a", text: "b"), to: guest)
        let second = try checkpoint()
        #expect(second.sequence == first.sequence + 3)
        // What changes nothing is no commit.
        #expect(refusal { _ = try test.guest("web") } != nil)
        #expect(try test.settings(guest) == "settings")
        try test.store.confirm(second)
        #expect(test.store.nextCheckpoint() == nil)
    }

    @Test func aCheckpointIsFortyBytes() throws {
        let checkpoint = try checkpoint()
        #expect(checkpoint.bytes.count == Checkpoint.byteCount && Checkpoint(checkpoint.bytes) == checkpoint)
        #expect(checkpoint.bytes[7] == UInt8(checkpoint.sequence) && Array(checkpoint.bytes[8...]) == checkpoint.hash)
        #expect(Checkpoint([]) == nil && Checkpoint(checkpoint.bytes + [0]) == nil)
    }

    @Test func aStoreThatExtendsTheCheckpointOpens() throws {
        let first = try checkpoint()
        try test.open(extending: first)
        let guest = try test.guest("web")
        try test.open(extending: first)
        try test.store.setSettings(of: guest, to: Secret("two"))
        let second = try checkpoint()
        try test.open(extending: second)
        try test.open(extending: first)
        try test.store.verify(first)
        try test.store.verify(second)
        #expect(try test.settings(guest) == "two")
    }

    @Test func anOldCopyIsRefusedByName() throws {
        let guest = try test.guest("web")
        let old = try checkpoint()
        try test.store.confirm(old)
        try test.copy(to: test.beside("old"))
        try test.open()
        try test.store.setSettings(of: guest, to: Secret("two"))
        let new = try checkpoint()
        try test.putBack(test.beside("old"))
        let reason = refusal { try test.open(extending: new) }
        #expect(reason == .olderThanCheckpoint(sequence: old.sequence, expected: new.sequence))
        #expect(reason?.description.contains("old copy") == true)
        // The same is told while it is open.
        try test.open(extending: old)
        #expect(refusal { try test.store.verify(new) } == reason)
    }

    @Test func aBranchIsRefusedByName() throws {
        let guest = try test.guest("web")
        try test.copy(to: test.beside("old"))
        try test.open()
        try test.store.setSettings(of: guest, to: Secret("two"))
        let seen = try checkpoint()
        // The old copy goes on until it is as long, and longer.
        try test.putBack(test.beside("old"))
        try test.open()
        for _ in 0..<3 {
            try test.store.setSettings(of: guest, to: Secret("another two"))
            #expect(refusal { try test.store.verify(seen) } == .forked(sequence: seen.sequence))
            #expect(refusal { try test.open(extending: seen) } == .forked(sequence: seen.sequence))
            try test.open()
        }
        let wrong = Checkpoint(sequence: Int64(seen.sequence), hash: [UInt8](repeating: 0, count: 32))
        #expect(refusal { try test.store.verify(wrong) } == .forked(sequence: seen.sequence))
        let beyond = try #require(Checkpoint([UInt8](repeating: 0xff, count: 40)))
        let older = StoreFailure.olderThanCheckpoint(
            sequence: try checkpoint().sequence, expected: UInt64.max)
        #expect(refusal { try test.store.verify(beyond) } == older)
    }

    @Test func theChainBeforeAConfirmedCheckpointGoes() throws {
        let guest = try test.guest("web")
        let first = try checkpoint()
        for number in 0..<5 { try test.store.setSettings(of: guest, to: Secret("\(number)")) }
        // The first comes again until the hardware TPM has it.
        #expect(try checkpoint() == first)
        try test.store.confirm(first)
        #expect(try chainSequences() == Array(Int64(first.sequence)...Int64(first.sequence) + 5))
        let second = try checkpoint()
        #expect(second.sequence == first.sequence + 5)
        try test.store.confirm(second)
        #expect(try chainSequences() == [Int64(second.sequence)])
        #expect(refusal { try test.store.verify(first) } == .forked(sequence: first.sequence))
        #expect(refusal { try test.store.confirm(first) } == .forked(sequence: first.sequence))
        try test.open(extending: second)
        #expect(test.store.nextCheckpoint() == nil)
        #expect(try test.settings(guest) == "4")
    }

    /// The hardware TPM was written to, and the power went before the store heard of it.
    @Test func aCheckpointThatWasNeverConfirmedIsKnown() throws {
        try test.store.confirm(try checkpoint())
        let guest = try test.guest("web")
        let written = try checkpoint()
        try test.store.setSettings(of: guest, to: Secret("two"))
        try test.open(extending: written)
        #expect(try checkpoint().sequence == written.sequence + 1)
    }

    /// A hardware TPM that does not answer for days costs no disk: what it may still have is known all the same.
    @Test func aLongChainIsThinned() throws {
        let queue = try DatabaseQueue()
        try StoreSchema.migrator.migrate(queue)
        let keys = StoreKeys(integrityKey: TestStore.integrityKey, store: UUID())
        func sum(_ number: Int) -> ContentSum { ContentSum(code: Int64(number).bytes) }
        try queue.write { db in
            try Chain.begin(sum(0), in: db, keys)
            var chain = try Chain(db, keys)
            var checkpoints = [chain.last.checkpoint]
            var handedOut: ChainEntry?
            for number in 1..<StoreLimits.chain * 2 + 100 {
                try chain.append(sum(number), keeping: handedOut, in: db, keys)
                if number == 50 { checkpoints.append(chain.last.checkpoint) }
                if number == 50 { chain.confirmed = chain.last.checkpoint }
                if number == 90 { handedOut = chain.last }
                if number == 95 { checkpoints.append(chain.last.checkpoint) }
            }
            checkpoints.append(try #require(handedOut).checkpoint)
            let count = try #require(try Int.fetchOne(db, sql: "SELECT count(*) FROM chain"))
            #expect(count <= StoreLimits.chain)
            let read = try Chain(db, keys)
            #expect(read.last == chain.last && read.last.describes(sum(StoreLimits.chain * 2 + 99), keys))
            for known in [0, 1, 3] { try read.check(checkpoints[known], in: db) }
            #expect(refusal { try read.check(checkpoints[2], in: db) } == .forked(sequence: 95))
            // It goes on, and an entry that was taken out of it is missed.
            try chain.confirm(checkpoints[3], in: db, keys)
            #expect(try Chain(db, keys).base.sequence == 90)
            try db.execute(sql: "DELETE FROM chain WHERE sequence = (SELECT max(sequence) - 5 FROM chain)")
            #expect(throws: RowError.self) { try Chain(db, keys) }
        }
    }
}
