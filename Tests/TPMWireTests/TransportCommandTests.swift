import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapters 8, 23 and 24, against bytes written out by hand.
@Suite struct TransportCommandTests {
    private let ticks = CurrentTicks(currentTicks: 0x0102_0304_0506_0708, tickRate: 1, tickNonce: Given.nonce)
    private let ticksBytes = "0014 0102030405060708 0001" + Given.nonceBytes
    private let counter = CounterValue(label: [0, 0, 0, 0], counter: 3)
    private let counterBytes = "000e 00000000 00000003"
    private let digest = Digest(repeating: 0xd1)
    private let digestBytes = repeated("d1", 20)

    @Test func auditing() throws {
        try expect(GetAuditDigest.Request(startOrdinal: 0x0a), is: "0000000a")
        try expect(
            GetAuditDigest.Response(
                counterValue: counter, auditDigest: digest, more: true, ordList: [0, 0, 0, 0x0d, 0, 0, 0, 0x10]),
            is: counterBytes + digestBytes + "01 00000008 0000000d 00000010")
        try expect(
            GetAuditDigestSigned.Request(keyHandle: Given.handle, closeAudit: true, antiReplay: Given.nonce),
            handles: Given.handleBytes, is: "01" + Given.nonceBytes)
        try expect(
            GetAuditDigestSigned.Response(
                counterValue: counter, auditDigest: digest, ordinalDigest: Given.nonce, sig: [0x51, 0x52]),
            is: counterBytes + digestBytes + Given.nonceBytes + "00000002 5152")
        try expect(SetOrdinalAuditStatus.Request(ordinalToAudit: 0x46, auditState: true), is: "00000046 01")
    }

    @Test func timingTicks() throws {
        try expect(GetTicks.Response(currentTime: ticks), is: ticksBytes)
        try expect(
            TickStampBlob.Request(keyHandle: Given.handle, antiReplay: Given.nonce, digestToStamp: digest),
            handles: Given.handleBytes, is: Given.nonceBytes + digestBytes)
        try expect(
            TickStampBlob.Response(currentTicks: ticks, sig: [0x51]), is: ticksBytes + "00000001 51")
    }

    @Test func transportSessions() throws {
        let transPublic = TransportPublic(transAttributes: [.encrypt, .exclusive], algId: 7, encScheme: 1)
        try expect(
            EstablishTransport.Request(encHandle: .srk, transPublic: transPublic, secret: Secret([1, 2, 3])),
            handles: "40000000", is: "001e 00000005 00000007 0001 00000003 010203")
        try expect(
            EstablishTransport.Response(
                transHandle: 0x0a0b_0c0d, locality: 2, currentTicks: ticks, transNonceEven: digest),
            handles: "0a0b0c0d", is: "00000002" + ticksBytes + digestBytes)
        try expect(ExecuteTransport.Request(wrappedCmd: Secret([9, 8])), is: "00000002 0908")
        try expect(
            ExecuteTransport.Response(currentTicks: 5, locality: 4, wrappedRsp: Secret([7])),
            is: "0000000000000005 00000004 00000001 07")
        try expect(
            ReleaseTransportSigned.Request(keyHandle: Given.handle, antiReplay: Given.nonce),
            handles: Given.handleBytes, is: Given.nonceBytes)
        try expect(
            ReleaseTransportSigned.Response(locality: 1, currentTicks: ticks, signature: [0x51]),
            is: "00000001" + ticksBytes + "00000001 51")
    }

    @Test func anUndefinedAttributeIsBadParameter() throws {
        let request = EstablishTransport.Request(
            encHandle: .srk, transPublic: TransportPublic(), secret: Secret(count: 20))
        try expectCode(.badParameter, for: request, with: 8, at: 5)
    }
}

/// Where DATAw lies, against Part 3, 24.2 description 6.
@Suite struct WrappedMessageTests {
    private func command(_ tag: String, _ ordinal: String, _ rest: String) throws -> [UInt8] {
        let rest = try hex(rest)
        return try hex(tag + "0000") + [0, UInt8(10 + rest.count)] + hex(ordinal) + rest
    }

    @Test func theDataStandsBetweenHandlesAndTrailers() throws {
        // TPM_CertifyKey with two sessions: two handles, a nonce, two trailers.
        let bytes = try command("00c3", "00000032", "01020304 05060708" + repeated("5a", 20) + repeated("00", 90))
        let message = try #require(WrappedMessage(command: bytes))
        #expect(message.ordinal == .certifyKey)
        #expect(message.data == 18..<38)
        #expect(message.loggedKeys(of: bytes).map(\.rawValue) == [0x0102_0304, 0x0506_0708])
        // TPM_GetRandom has no handle.
        let random = try command("00c1", "00000046", "00000008")
        #expect(WrappedMessage(command: random)?.data == 10..<14)
        #expect(WrappedMessage(command: random)?.loggedKeys(of: random) == [])
    }

    @Test func theSessionProtocolsHaveNoneButForADelegation() throws {
        let oiap = try command("00c1", "0000000a", "")
        #expect(WrappedMessage(command: oiap)?.data == 10..<10)
        let osap = try command("00c1", "0000000b", "0001 01020304" + repeated("5a", 20))
        let message = try #require(WrappedMessage(command: osap))
        #expect(message.data == 36..<36)
        #expect(message.loggedKeys(of: osap) == [])
        let answer = try command("00c4", "00000000", "01020304" + repeated("ee", 40))
        #expect(WrappedMessage(response: answer, to: .osap)?.data == 54..<54)
        #expect(WrappedMessage(response: answer, to: .dsap)?.data == 54..<54)
        // The value of a delegation alone, without its size.
        let dsap = try command("00c1", "00000011", "0008 00000000" + repeated("5a", 20) + "00000004 00000001")
        #expect(WrappedMessage(command: dsap)?.data == 40..<44)
        #expect(WrappedMessage(command: dsap)?.loggedKeys(of: dsap) == [])
    }

    @Test func theHandleOfAKeyThatIsSavedOrFlushedIsLogged() throws {
        let flushed = try command("00c1", "000000ba", "01020304 00000001")
        #expect(WrappedMessage(command: flushed)?.data == 14..<18)
        #expect(WrappedMessage(command: flushed)?.loggedKeys(of: flushed).map(\.rawValue) == [0x0102_0304])
        let session = try command("00c1", "000000ba", "01020304 00000002")
        #expect(WrappedMessage(command: session)?.loggedKeys(of: session) == [])
        let saved = try command("00c1", "000000b8", "01020304 00000001" + repeated("20", 16))
        #expect(WrappedMessage(command: saved)?.loggedKeys(of: saved).map(\.rawValue) == [0x0102_0304])
    }

    @Test func theHandleOfAnInternalKeyIsDataAndIsLogged() throws {
        let bytes = try command("00c2", "00000081", "40000006" + repeated("00", 45))
        let message = try #require(WrappedMessage(command: bytes))
        #expect(message.data == 10..<14)
        #expect(message.loggedKeys(of: bytes) == [.ek])
    }

    @Test func aNewHandleIsDataOfLoadKeyAndOfNoOther() throws {
        let answer = try command("00c5", "00000000", "01020304" + repeated("00", 41))
        #expect(WrappedMessage(response: answer, to: .loadKey)?.data == 10..<14)
        #expect(WrappedMessage(response: answer, to: .loadKey2)?.data == 14..<14)
        let context = try command("00c4", "00000000", "01020304")
        #expect(WrappedMessage(response: context, to: .loadContext)?.data == 14..<14)
    }

    @Test func aFailureHasNone() throws {
        let answer = try command("00c4", "00000001", "")
        #expect(WrappedMessage(response: answer, to: .getRandom)?.data == 10..<10)
    }

    @Test func whatIsNoMessageIsNone() throws {
        #expect(WrappedMessage(command: []) == nil)
        #expect(WrappedMessage(command: try hex("00c1 0000000a 000000")) == nil)
        // An ordinal that is not one, a handle that is cut short, and trailers that are.
        #expect(WrappedMessage(command: try command("00c1", "00000999", "")) == nil)
        #expect(WrappedMessage(command: try command("00c1", "0000003c", "010203")) == nil)
        #expect(WrappedMessage(command: try command("00c2", "00000046", "00000008")) == nil)
        #expect(WrappedMessage(response: try command("00c1", "00000000", ""), to: .getRandom) == nil)
        #expect(WrappedMessage(response: try command("00c5", "00000000", "00"), to: .getRandom) == nil)
        // The command's own dispatch refuses another tag; it has no trailers.
        #expect(WrappedMessage(command: try command("00c4", "00000046", "00000008"))?.data == 10..<14)
        #expect(WrappedMessage(command: try command("1234", "00000046", "00000008"))?.data == 10..<14)
    }
}

/// The masks of transport sessions, against values that Python's hashlib and OpenSSL computed once.
@Suite struct TransportCipherTests {
    private let secret = Secret(Array(0..<20))

    /// 00 01 … 27 as a message with a byte on either side, masked.
    private func masked(
        _ algorithm: AlgorithmID, _ scheme: EncScheme, _ direction: TransportPublic.Direction
    ) throws -> [UInt8] {
        let session = TransportPublic(
            transAttributes: .encrypt, algId: algorithm.rawValue, encScheme: scheme.rawValue)
        var message: [UInt8] = [0xaa] + (0..<40) + [0xbb]
        try session.mask(
            &message, 1..<41, direction, nonceEven: Digest(repeating: 0xe0), nonceOdd: Digest(repeating: 0x0d),
            secret: secret)
        #expect(message.first == 0xaa && message.last == 0xbb)
        return Array(message[1..<41])
    }

    @Test func exclusiveOrWithMGF1() throws {
        #expect(
            try masked(.mgf1, .none, .command)
                == hex("54181f5c707ab4408646406cc1dc264f6dbc1fb6f6a6a60ddc10e90dc4fa74db64ed81a4ef36017e"))
        #expect(
            try masked(.mgf1, .none, .answer)
                == hex("2c9192cd3abe82b8ef1c226cfbdf1b35c5165e141510776ce75142fb3d3a6c96006c23aa2ec358a4"))
    }

    @Test func aesInCounterMode() throws {
        #expect(
            try masked(.aes128, .symCTR, .command)
                == hex("2f6f3a504e3ae408116420e335482a2af482c6087224f962cf3cf95160ae27d49b7c568a57dd1b93"))
        #expect(
            try masked(.aes128, .symCTR, .answer)
                == hex("7187cde0b0f329a9da54e839eeb265c030ac96945df0c9b98663e5132fa9b92beae7f0cca893e41d"))
    }

    @Test func aesInOutputFeedbackMode() throws {
        #expect(
            try masked(.aes128, .symOFB, .command)
                == hex("2f6f3a504e3ae408116420e335482a2a81c93b5520184e2190665ba5fb1c077f48d3e5635bd7ca1c"))
        #expect(
            try masked(.aes128, .symOFB, .answer)
                == hex("7187cde0b0f329a9da54e839eeb265c03c8755a1791365a063128b52669c3f2292cbb4cee58f8457"))
    }

    @Test func aSessionWithoutEncryptionLeavesTheMessageAlone() throws {
        var message: [UInt8] = [1, 2, 3]
        try TransportPublic(transAttributes: [.log], algId: 99, encScheme: 99)
            .mask(&message, 0..<3, .command, nonceEven: .zero, nonceOdd: .zero, secret: secret)
        #expect(message == [1, 2, 3])
    }

    @Test(
        arguments: [
            (1, 3, TPMResult.badKeyProperty), (8, 4, .badKeyProperty), (9, 5, .badKeyProperty),
            (10, 1, .badKeyProperty), (99, 4, .badKeyProperty), (6, 1, .inappropriateEnc),
            (6, 3, .inappropriateEnc), (6, 99, .inappropriateEnc), (7, 1, nil), (7, 4, nil), (6, 4, nil), (6, 5, nil),
        ] as [(UInt32, UInt16, TPMResult?)])
    func theEncryptionsOfATPM(algorithm: UInt32, scheme: UInt16, expected: TPMResult?) {
        func code(_ attributes: TransportAttributes) -> TPMResult? {
            do throws(TPMResult) {
                try TransportPublic(transAttributes: attributes, algId: algorithm, encScheme: scheme).checkEncryption()
                return nil
            } catch { return error }
        }
        #expect(code([.encrypt]) == expected)
        #expect(code([.log]) == nil)
    }
}
