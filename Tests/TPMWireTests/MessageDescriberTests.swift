import TPMCrypto
import Testing

@testable import TPMWire

@Suite struct MessageDescriberTests {
    private func lines(_ fields: [WireDescriber.Field]) -> [String] {
        fields.map { String(repeating: "  ", count: $0.depth) + "\($0.name): \($0.value)" }
    }

    private let authBytes =
        "0000000c" + repeated("5a", 20) + "01" + repeated("b3", 20)

    /// A handle, new authorization, no PCR info, a plaintext of 2 bytes, and a trailer.
    private var sealBytes: String {
        "00c2 00000059 00000017 40000000" + Given.authBytes + "00000000 00000002 0405" + authBytes
    }

    @Test func aCommandIsItsHeaderItsOperandsAndItsTrailer() throws {
        let bytes = try hex(sealBytes)
        #expect(bytes.count == 0x59)
        let head = ["tag: 0x00c2 rquAuth1", "paramSize: 0x00000059", "ordinal: 0x00000017 TPM_ORD_Seal"]
        let tail = [
            "auth1: ", "  authHandle: 0x0000000c", "  nonceOdd: " + repeated("5a", 20), "  continueAuthSession: 0x01",
            "  auth: " + repeated("b3", 20),
        ]
        #expect(
            lines(MessageDescriber.command(bytes)) == head + [
                "keyHandle: 0x40000000 srk", "encAuth: <20 secret bytes>", "pcrInfoSize: 0", "pcrInfo: ",
                "inDataSize: 2", "inData: <2 secret bytes>",
            ] + tail)
        #expect(
            lines(MessageDescriber.command(bytes, showsSecrets: true)) == head + [
                "keyHandle: 0x40000000 srk", "encAuth: " + repeated("a7", 20), "pcrInfoSize: 0", "pcrInfo: ",
                "inDataSize: 2", "inData: 0405",
            ] + tail)
    }

    @Test func aResponseIsReadWithTheOrdinalThatItAnswers() throws {
        let trailer = repeated("e4", 20) + "00" + repeated("b5", 20)
        let bytes = try hex("00c5 00000039 00000000 00000002 0607" + trailer)
        #expect(
            lines(MessageDescriber.response(bytes, to: .unseal)) == [
                "tag: 0x00c5 rspAuth1", "paramSize: 0x00000039", "returnCode: 0x00000000 TPM_SUCCESS",
                "secretSize: 2", "secret: <2 secret bytes>", "auth1: ", "  nonceEven: " + repeated("e4", 20),
                "  continueAuthSession: 0x00", "  resAuth: " + repeated("b5", 20),
            ])
        let unknown = lines(MessageDescriber.response(bytes, to: nil))
        #expect(unknown.contains("bytes: 000000020607 (ordinal not described)"))
        #expect(unknown.last == "  resAuth: " + repeated("b5", 20))
    }

    @Test func aFailureEndsAfterItsCode() throws {
        let bytes = try hex("00c4 0000000a 00000001")
        #expect(
            lines(MessageDescriber.response(bytes, to: .seal)) == [
                "tag: 0x00c4 rspCommand", "paramSize: 0x0000000a", "returnCode: 0x00000001 TPM_AUTHFAIL",
            ])
        #expect(
            lines(MessageDescriber.response(bytes + [7], to: .seal)).suffix(1) == [
                "bytes: 07 (no operand follows a failure)"
            ])
    }

    @Test func enumeratedValuesFlagsAndTagsAreNamed() throws {
        let wrapped = try hex("00c1 00000047 00000041 40000000" + Given.key12Bytes)
        let fields = lines(MessageDescriber.command(wrapped)).map { $0.drop { $0 == " " } }
        #expect(fields.contains("keyUsage: 0x0011 storage"))
        #expect(fields.contains("algorithmID: 0x00000001 rsa"))
        #expect(fields.contains("encScheme: 0x0003 rsaesOAEPSHA1MGF1"))
        let capability = try hex("00c1 00000012 00000065 00000005 00000000")
        #expect(lines(MessageDescriber.command(capability)).contains("capArea: 0x00000005 property"))
        let osap = try hex("00c1 00000024 0000000b 0601 40000000" + Given.nonceBytes)
        #expect(lines(MessageDescriber.command(osap)).contains("entityType: 0x0601 aes128CTR keyHandle"))
        let presence = try hex("00c1 0000000c 4000000a 0028")
        #expect(lines(MessageDescriber.command(presence)).last == "physicalPresence: 0x0028 present+cmdEnable")
    }

    @Test func whatDoesNotDecodeIsShownWithTheReason() throws {
        let extend = try hex("00c1 0000000e 00000014 0000000a")
        #expect(lines(MessageDescriber.command(extend)).last == "bytes: 0000000a (TPM_BAD_PARAM_SIZE (0x00000019))")
        let unknown = try hex("00c1 0000000c 00001234 beef")
        #expect(
            lines(MessageDescriber.command(unknown)).suffix(2) == [
                "ordinal: 0x00001234", "bytes: beef (ordinal not described)",
            ])
        let response = try hex("00c4 0000000c 00000000 beef")
        #expect(
            lines(MessageDescriber.command(response)) == [
                "tag: 0x00c4", "bytes: 0000000c00000000beef (the tag begins no command)",
            ])
        #expect(lines(MessageDescriber.command(try hex("00c1 0000"))).last == "bytes: 0000 (the header is cut short)")
        let size = try hex("00c1 000000ff 00000098")
        #expect(lines(MessageDescriber.command(size))[1] == "paramSize: 0x000000ff (10 bytes came)")
        let bad = try hex("00c2 00000037 00000098" + authBytes.replacing("01b3", with: "02b3"))
        #expect(lines(MessageDescriber.command(bad)).last?.hasSuffix("(TPM_BAD_PARAMETER (0x00000003))") == true)
    }

    @Test func whatDoesNotDecodeIsMaskedWhereSecretsMayBe() throws {
        // A TPM_Seal that lost its last byte.
        let bytes = try hex("00c1 0000002b 00000017 40000000" + Given.authBytes + "00000000 00000002 04")
        #expect(
            lines(MessageDescriber.command(bytes)).last == "bytes: <33 bytes, perhaps secret> "
                + "(TPM_BAD_PARAM_SIZE (0x00000019))")
        #expect(lines(MessageDescriber.command(bytes, showsSecrets: true)).last?.hasPrefix("bytes: 40000000a7") == true)
    }

    @Test func noTruncationAndNoDamageTraps() throws {
        let bytes = try hex(sealBytes)
        for count in 0...bytes.count {
            let short = Array(bytes.prefix(count))
            #expect(MessageDescriber.command(short).isEmpty == (count == 0))
            _ = MessageDescriber.response(short, to: .seal)
        }
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] = 0xff
            _ = MessageDescriber.command(damaged)
            _ = MessageDescriber.response(damaged, to: .unseal)
        }
        for command in CommandTable.all {
            for tag: UInt8 in 0xc1...0xc6 {
                var message: [UInt8] = [0, tag, 0, 0, 0, 200, 0, 0, 0, 0]
                for byte in 0..<4 {
                    message[6 + byte] = UInt8(command.ordinal.rawValue >> UInt32(24 - 8 * byte) & 0xff)
                }
                let body = (0..<190).map { UInt8(truncatingIfNeeded: $0 &* 7) }
                #expect(MessageDescriber.command(message + body).count >= 2)
                let answer: [UInt8] = [0, tag, 0, 0, 0, 200, 0, 0, 0, 0] + body
                #expect(MessageDescriber.response(answer, to: command.ordinal).count >= 2)
            }
        }
    }
}
