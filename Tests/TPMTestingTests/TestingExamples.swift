import Foundation
import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

/// The examples of Docs/Testing.md, as they stand there.
@Suite struct TestingExamples {
    @Test func first() throws {
        let tpm = try TestTPM(.owned, seed: "sealing")
        let client = tpm.client
        let blob = try client.seal(Secret([1, 2, 3]))
        let secret = try client.unseal(blob)
        #expect(secret == Secret([1, 2, 3]))
    }

    @Test func beginning() throws {
        let off = try TestTPM(.endorsed.and(.deactivated))
        try expectResult(.deactivated) { try off.client.takeOwnership(owner: off.secrets.owner) }
    }

    @Test func keys() throws {
        let tpm = try TestTPM(.withKeys)
        let key = try tpm.key(.signing)
        let digest = SHA1.hash([1, 2, 3])
        let signature = try tpm.client.sign(digest, with: key.handle, auth: tpm.secrets.key)
        #expect(try key.publicKey().verify(digest, signature: signature))
    }

    @Test func clock() throws {
        let tpm = try TestTPM(seed: "17")
        for _ in 0..<5 { try expectResult(.authFail) { try tpm.client.clear(owner: .wellKnown) } }
        try expectResult(.defendLockRunning) { try tpm.client.clear(owner: tpm.secrets.owner) }
        tpm.clock.advance(by: .seconds(1))
        try tpm.client.clear(owner: tpm.secrets.owner)
    }

    @Test func snapshots() throws {
        let tpm = try TestTPM()
        let client = tpm.client
        let blob = try client.seal(Secret([7]), boundTo: client.binding(to: PCRSelection(indices: [10])))
        let sealed = tpm.snapshot()
        for register in UInt32(8)...12 {
            tpm.restore(sealed)
            try client.extend(register, with: SHA1.hash([1]))
            try expectResult(register == 10 ? .wrongPCRVal : .success) { try client.unseal(blob) }
        }
        let fork = tpm.fork()
        try fork.client.clear(owner: tpm.secrets.owner)
        #expect(try client.hasOwner())
    }

    @Test func faults() throws {
        let tpm = try TestTPM()
        tpm.storeFault = .powerLostAfter(write: 1)
        #expect(throws: ClientError.self) { try tpm.client.clear(owner: tpm.secrets.owner) }
        #expect(!tpm.hasPower)
        try tpm.powerCycle()
        #expect(try !tpm.client.hasOwner())
    }

    @Test func recordings() throws {
        let tpm = try TestTPM(.owned, seed: "a fixture", records: true)
        _ = try tpm.client.seal(Secret([1, 2, 3]))
        let text = try #require(tpm.recording).text
        let recording = try Recording(text: text)
        try recording.replay().orThrow()
    }

    @Test func transports() throws {
        let transport = RecordingTransport(try TestTPM())
        let registers = try TPMClient(transport).pcrs()
        let played = RecordedTPM(transport.recording)
        #expect(try TPMClient(played).pcrs() == registers)
    }

    @Test func differences() throws {
        let tpm = try TestTPM()
        let before = tpm.snapshot()
        try expectResult(.authFail) { try tpm.client.clear(owner: .wellKnown) }
        let difference = Difference.between(before, tpm.snapshot())
        #expect(
            difference?.description == """
                the TPM, permanent.failedAuthorizations
                  expected 0x00000000
                  found    0x00000001
                """)
    }

    @Test func sockets() throws {
        let tpm = try TestTPM()
        let served = try tpm.serve(at: .tcp(host: "127.0.0.1", port: 0))
        let client = TPMClient(try served.clientAddress.open())
        tpm.storeFault = .failing(times: 1, .noSpace)
        try expectResult(.noSpace) { try client.clear(owner: tpm.secrets.owner) }
        served.stop()
    }

    // MARK: The document

    /// The lines of a text without what stands ahead of each.
    private static func lines(_ text: some StringProtocol) -> [String] {
        text.split(whereSeparator: \.isNewline).map { String($0.drop { $0 == " " }) }
    }

    /// No example of the document is one that nobody compiles.
    @Test func theDocumentHasTheseExamples() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let source = Self.lines(try String(contentsOf: URL(filePath: #filePath), encoding: .utf8))
        let document = try String(
            contentsOf: folder.appending(components: "..", "..", "Docs", "Testing.md").standardized, encoding: .utf8)
        let blocks = document.components(separatedBy: "```swift\n").dropFirst().map { block in
            Self.lines(block.components(separatedBy: "```")[0])
        }
        #expect(blocks.count == 11)
        for block in blocks { #expect(source.firstRange(of: block) != nil, "\(block.joined(separator: "\n"))") }
    }
}
