import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import HardwareAnchor

/// What needs no TPM.
@Suite struct ValueTests {
    @Test func `An address names the kind of hardware and the way to it`() throws {
        #expect(try AnchorAddress("software:/var/lib/vtpm/anchor") == .software(directory: "/var/lib/vtpm/anchor"))
        #expect(try AnchorAddress("tpm1.2:/dev/tpm0") == .tpm12(.device(path: "/dev/tpm0")))
        #expect(try AnchorAddress("tpm1.2:tcp:[::1]:6545") == .tpm12(.tcp(host: "::1", port: 6545)))
        #expect(try AnchorAddress("tpm2:device:/dev/tpmrm0") == .tpm20(tcti: "device:/dev/tpmrm0"))
        for text in ["software:/a", "tpm1.2:unix:/a", "tpm2:swtpm:host=127.0.0.1,port=2321"] {
            #expect("\(try AnchorAddress(text))" == text)
        }
        for text in [
            "", "software", "software:", "tpm2:", "tpm1.2:nothing", "tpm3:/dev/tpm0", "/dev/tpm0", "tpm2:a\0b",
        ] {
            #expect(anchorError { try AnchorAddress(text) }?.name == "unfit")
        }
    }

    @Test func `A label is of four bytes`() throws {
        #expect("\(AnchorLabel.usual)" == "vTPM")
        #expect(AnchorLabel("vTPM") == .usual)
        #expect("\(try #require(AnchorLabel([0, 1, 2, 0xff])))" == "0x000102ff")
        for text in ["", "abc", "abcde", "äöü"] { #expect(AnchorLabel(text) == nil) }
    }

    @Test func `A configuration has values of its algorithm's size for PCRs that there are`() throws {
        let value = [UInt8](repeating: 1, count: 20)
        let configuration = try PCRConfiguration(.sha1, [3: value, 0: value])
        #expect(configuration.ordered.map(\.index) == [0, 3])
        #expect("\(configuration)".hasPrefix("sha1 0=0101"))
        for (algorithm, values) in [
            (.sha1, [:]), (.sha1, [24: value]), (.sha1, [-1: value]), (.sha256, [0: value]), (.sha1, [0: []]),
        ] as [(PCRAlgorithm, [Int: [UInt8]])] {
            #expect(anchorError { try PCRConfiguration(algorithm, values) }?.name == "unfit")
        }
        let other = try PCRConfiguration(.sha1, [0: value, 3: [UInt8](repeating: 2, count: 20)])
        #expect(configuration.differences(from: other) == [3])
        #expect(configuration.differences(from: try PCRConfiguration(.sha1, [7: value])) == [0, 3])
    }

    @Test func `A configuration is written in the order of its PCRs, and only that form is read`() throws {
        let configuration = try PCRConfiguration(
            .sha1, [3: [UInt8](repeating: 3, count: 20), 0: [UInt8](repeating: 1, count: 20)])
        let bytes = try configuration.encoded()
        #expect(bytes.prefix(4) == [0x00, 0x04, 2, 0])
        #expect(bytes[24] == 3)
        #expect(try WireDecoder.decode(PCRConfiguration.self, from: bytes) == configuration)
        // Another algorithm, none, out of order, twice the same, beyond the last, too short.
        for (index, byte) in [(1, 5), (2, 0), (3, 3), (24, 0), (24, 24), (2, 3)] as [(Int, UInt8)] {
            var changed = bytes
            changed[index] = byte
            #expect(throws: TPMResult.self) { try WireDecoder.decode(PCRConfiguration.self, from: changed) }
        }
    }

    @Test func `A record that was not written to its end is noticed`() throws {
        let area = try AnchorRecord.encode([1, 2, 3])
        #expect(area.count == AnchorRecord.areaSize)
        #expect(try AnchorRecord.decode(area) == [1, 2, 3])
        let next = try AnchorRecord.encode([4, 5, 6])
        for cut in 3..<area.count where area[..<cut] + next[cut...] != area[...] {
            #expect(anchorError { try AnchorRecord.decode(Array(area[..<cut] + next[cut...])) }?.name == "damaged")
        }
        for area in [[], [UInt8](repeating: 0xff, count: AnchorRecord.areaSize), Array(area.dropLast())] as [[UInt8]] {
            #expect(anchorError { try AnchorRecord.decode(area) }?.name == "damaged")
        }
    }

    @Test func `A nonce of 20 bytes is quoted by a TPM 1.2 as it is, a longer one by its digest`() {
        let nonce = (0..<20).map { UInt8($0) }
        #expect(AnchorQuote.externalData(nonce).bytes == nonce)
        #expect(AnchorQuote.externalData(nonce + [20]).bytes == Array(SHA256.hash(nonce + [20]).prefix(20)))
    }

    @Test func `Every error says what to do`() {
        let errors: [AnchorError] = [
            .otherConfiguration([4, 7]), .otherConfiguration([]), .otherHardware("It."), .lockedOut("It."),
            .unreachable("it."), .damaged("It."), .wrongOwner("it."), .missing("It."), .taken("It."), .busy("it."),
            .unfit("It."), .failed("it."),
        ]
        #expect(Set(errors.map(\.description)).count == errors.count)
        #expect("\(errors[0])".contains("PCR 4, 7"))
        for error in errors { #expect("\(error)".hasSuffix(".")) }
    }

    @Test func `The authorization of an owner is what other tools make of a passphrase`() {
        let passphrase = AnchorAuthorization.passphrase(Secret("abc"))
        #expect(Hexadecimal.encode(passphrase.authData.bytes) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(passphrase.authValue == Secret("abc"))
        #expect(AnchorAuthorization.wellKnown.authData == Secret(count: 20))
        #expect(AnchorAuthorization.wellKnown.authValue.count == 0)
    }

    @Test func `What a TPM 2.0 answers is told apart by layer and format`() {
        func error(_ code: UInt32) -> TPM20Error { TPM20Error(code: code, command: "TPM2_Unseal") }
        // A format-one code of session 1, of handle 1 and of parameter 2 (TPM 2.0 Part 2, 6.6.3).
        #expect(error(0x99d).response == 0x9d)
        #expect(error(0x18b).response == 0x8b)
        #expect(error(0x2c4).response == 0x84)
        #expect(error(0x921).response == 0x921)
        #expect(error(0xb0902).isRoom)
        #expect(error(0x902).isRoom)
        #expect(error(0x922).passes)
        #expect(!error(0x99d).passes)
        #expect(error(0x98e).isAuthorization)
        #expect(error(0xa000a).response == nil)
        #expect(AnchorError(tpm20: error(0xa000a)).name == "unreachable")
        #expect(AnchorError(tpm20: error(0x921)).name == "lockedOut")
        #expect(AnchorError(tpm20: error(0x7001b)).name == "failed")
        #expect(AnchorError(tpm20: error(0x100)).name == "unfit")
        #expect("\(error(0x921))".hasPrefix("TPM2_Unseal: "))
    }
}
