import Foundation
import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

/// Fixtures/Sessions: sessions that were recorded with a seed, and are the same on every machine. Its README.md says
/// how they are recorded again.
@Suite struct SessionFixtureTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(components: "..", "..", "Fixtures", "Sessions", "sealing.txt").standardized

    private static func sealing() throws -> Recording {
        let tpm = try TestTPM(.owned, seed: "sealing", records: true)
        let (client, dataAuth) = (tpm.client, tpm.secrets.key)
        try client.extend(10, with: SHA1.hash(Array("a boot loader".utf8)))
        let binding = try client.binding(to: PCRSelection(indices: [10]))
        let blob = try client.seal(Secret(Array("the disk's key".utf8)), dataAuth: dataAuth, boundTo: binding)
        _ = try client.unseal(blob, dataAuth: dataAuth)
        try expectResult(.auth2Fail) { try client.unseal(blob, dataAuth: .wellKnown) }
        tpm.clock.advance(by: .seconds(90))
        try client.extend(10, with: SHA1.hash(Array("something else".utf8)))
        try expectResult(.wrongPCRVal) { try client.unseal(blob, dataAuth: dataAuth) }
        // The power goes while a counter is stored.
        let counter = try client.createCounter(label: Array("boot".utf8), auth: dataAuth, owner: tpm.secrets.owner)
        tpm.storeFault = .powerLostAfter(write: 1)
        #expect(throws: ClientError.self) { try client.incrementCounter(counter.countID, auth: dataAuth) }
        try tpm.powerCycle()
        try client.extend(10, with: SHA1.hash(Array("a boot loader".utf8)))
        _ = try client.unseal(blob, dataAuth: dataAuth)
        _ = try client.readCounter(counter.countID)
        return try #require(tpm.recording)
    }

    @Test func aSessionIsByteForByteTheOneOfTheFile() throws {
        let recorded = try Self.sealing()
        if ProcessInfo.processInfo.environment["VTPM_WRITE_SESSION_FIXTURES"] != nil {
            try Data(recorded.text.utf8).write(to: Self.file)
        }
        let text = try String(contentsOf: Self.file, encoding: .utf8)
        try Difference.between(try Recording(text: text), recorded).orThrow()
        #expect(text == recorded.text)
    }

    @Test func theFileIsDoneOnceMore() throws {
        let recording = try Recording(text: try String(contentsOf: Self.file, encoding: .utf8))
        try recording.replay().orThrow()
        #expect(recording.exchanges.count > 15)
    }
}
