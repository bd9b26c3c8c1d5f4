import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 13 to 15 and 18, against bytes written out by hand: transport, audit, ticks and contexts.
@Suite struct TransportStructureTests {
    private let pub = TransportPublic(transAttributes: [.encrypt, .log], algId: 6, encScheme: 4)
    private let pubBytes = "001e 00000003 00000006 0004"
    private let digest = Digest(repeating: 0xd2)
    private let digestBytes = repeated("d2", 20)
    private let ticks = CurrentTicks(currentTicks: 1 << 40, tickRate: 1000, tickNonce: Digest(repeating: 0xee))
    private let ticksBytes = "0014 0000010000000000 03e8" + repeated("ee", 20)
    private let count = CounterValue(label: [1, 2, 3, 4], counter: 7)
    private let countBytes = "000e 01020304 00000007"

    @Test func transport() throws {
        try expectStructure(pub, tag: .transportPublic, is: pubBytes)
        try expectStructure(
            TransportInternal(
                authData: Given.auth, transPublic: pub, transHandle: 5, transNonceEven: Given.nonce,
                transDigest: digest),
            tag: .transportInternal,
            is: "000f" + Given.authBytes + pubBytes + "00000005" + Given.nonceBytes + digestBytes)
        try expectStructure(
            TransportLogIn(parameters: digest, pubKeyHash: Given.nonce), tag: .transportLogIn,
            is: "0010" + digestBytes + Given.nonceBytes)
        try expectStructure(
            TransportLogOut(currentTicks: ticks, parameters: digest, locality: 4), tag: .transportLogOut,
            is: "0011" + ticksBytes + digestBytes + "00000004")
        try expectStructure(TransportAuth(authData: Given.auth), tag: .transportAuth, is: "001d" + Given.authBytes)
        try expectCode(.badParameter, for: pub, with: 8, at: 5)
    }

    @Test func auditAndTicks() throws {
        try expectStructure(
            AuditEventIn(inputParms: digest, auditCount: count), tag: .auditEventIn,
            is: "0012" + digestBytes + countBytes)
        try expectStructure(
            AuditEventOut(outputParms: digest, auditCount: count), tag: .auditEventOut,
            is: "0013" + digestBytes + countBytes)
        try expectStructure(ticks, tag: .currentTicks, is: ticksBytes)
    }

    @Test func contexts() throws {
        var blob = ContextBlob()
        blob.resourceType = .trans
        blob.handle = 0x0102_0304
        blob.contextCount = 9
        blob.integrityDigest = digest
        blob.additionalData = [1, 2, 3]
        blob.sensitiveData = [4, 5]
        try expectStructure(
            blob, tag: .contextBlob,
            is: "0001 00000004 01020304" + repeated("00", 16) + "00000009" + digestBytes
                + "00000003 010203 00000002 0405")
        try expectStructure(
            ContextSensitive(contextNonce: Given.nonce, internalData: Secret([1, 2])), tag: .contextSensitive,
            is: "0002" + Given.nonceBytes + "00000002 0102")
    }
}
