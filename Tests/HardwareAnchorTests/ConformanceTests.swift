import Emulators
import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import HardwareAnchor

/// What every kind of hardware does alike.
@Suite struct ConformanceTests {
    typealias Kind = AnchorHardware.Kind

    // MARK: Identity

    @Test(arguments: Kind.allCases)
    func `An anchor says what hardware it is in, and keeps its identity`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let (hardware, receivingKey, quotingKey) = try {
            let anchor = try rig.anchor
            #expect(anchor.identity == rig.material.identity)
            return (anchor.hardware, anchor.receivingKey, anchor.quotingKey)
        }()
        #expect(hardware.kind == kind)
        #expect(!hardware.manufacturer.isEmpty)
        #expect("\(hardware)".hasPrefix("\(kind)"))
        #expect(rig.material.identity == AnchorIdentity(ofQuotingKey: quotingKey))
        try rig.restart()
        rig.close()
        let later = try rig.anchor
        #expect(later.identity == rig.material.identity)
        #expect(later.receivingKey == receivingKey)
        #expect(later.quotingKey == quotingKey)
        #expect(later.hardware == hardware)
    }

    @Test(arguments: Kind.allCases)
    func `The material survives being written to a file`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let bytes = try rig.material.bytes()
        #expect(try AnchorMaterial(bytes: bytes) == rig.material)
        for index in [0, 3, 4, 40, bytes.count - 1] {
            var changed = bytes.bytes
            changed[index] ^= 1
            #expect(anchorError { try AnchorMaterial(bytes: Secret(changed)) }?.name == "damaged")
        }
        for count in [0, 1, 35, 36, bytes.count - 1] {
            #expect(anchorError { try AnchorMaterial(bytes: bytes.part(0..<count)) }?.name == "damaged")
        }
    }

    @Test(arguments: Kind.allCases)
    func `The material of another TPM is refused, and so is what that one sealed`(kind: Kind) throws {
        let (mine, other) = (try Rig(kind), try Rig.other(kind))
        defer { for one in [mine, other] { one.end() } }
        let refused = anchorError { try other.address.open(mine.material, options: other.options) }
        #expect(refused?.name == "otherHardware", "\(refused.map(\.description) ?? "opened")")
        let sealed = try other.anchor.seal(Secret("theirs"), to: nil)
        #expect(anchorError { try mine.anchor.unseal(sealed) }?.name == "otherHardware")
    }

    // MARK: Random bytes

    @Test(arguments: Kind.allCases)
    func `Random bytes are as many as were asked for, and others each time`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        for count in [0, 1, 20, 33, AnchorLimit.randomBytes] {
            #expect(try anchor.randomBytes(count).count == count)
        }
        #expect(try anchor.randomBytes(32) != anchor.randomBytes(32))
        for count in [-1, AnchorLimit.randomBytes + 1] {
            #expect(anchorError { try anchor.randomBytes(count) }?.name == "unfit")
        }
    }

    // MARK: PCRs and sealing

    @Test(arguments: Kind.allCases)
    func `PCRs are read as they are, all of them too`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let before = try rig.anchor.readPCRs(Set(0..<24))
        #expect(before.algorithm == (kind == .tpm20 ? .sha256 : .sha1))
        #expect(before.indices == Set(0..<24))
        try rig.extend(7, by: "event")
        let after = try rig.anchor.readPCRs([0, 7])
        #expect(after.indices == [0, 7])
        #expect(after.values[0] == before.values[0])
        #expect(after.values[7] == Rig.extended(try #require(before.values[7]), by: "event"))
        #expect(after.differences(from: before) == [7])
        for indices in [[], [24], [-1], [0, 99]] as [Set<Int>] {
            #expect(anchorError { try rig.anchor.readPCRs(indices) }?.name == "unfit")
        }
    }

    @Test(arguments: Kind.allCases)
    func `A secret sealed to the hardware opens in any configuration and after a restart`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        for count in [1, 32, 64, 128] {
            let secret = Secret((0..<count).map { UInt8(truncatingIfNeeded: $0) })
            #expect(try rig.anchor.unseal(rig.anchor.seal(secret, to: nil)) == secret)
        }
        let sealed = try rig.anchor.seal(Secret("key"), to: nil)
        try rig.extend(7, by: "event")
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        try rig.restart()
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
    }

    @Test(arguments: Kind.allCases)
    func `A secret of no or too many bytes is not sealed, nor one to other PCRs than there are`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        for count in [0, 129, 4096] {
            #expect(anchorError { try anchor.seal(Secret(count: count), to: nil) }?.name == "unfit")
        }
        let other: PCRAlgorithm = kind == .tpm20 ? .sha1 : .sha256
        let configuration = try PCRConfiguration(other, [0: [UInt8](repeating: 0, count: other.byteCount)])
        #expect(anchorError { try anchor.seal(Secret("key"), to: configuration) }?.name == "unfit")
    }

    @Test(arguments: Kind.allCases)
    func `A secret sealed to the present configuration opens until a PCR changes, and after a restart`(
        kind: Kind
    ) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let sealed = try rig.anchor.seal(Secret("key"), to: try rig.anchor.readPCRs([0, 4, 7, 14]))
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        try rig.extend(5, by: "another PCR")
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        try rig.extend(7, by: "event")
        try rig.extend(14, by: "event")
        #expect(anchorError { try rig.anchor.unseal(sealed) } == .otherConfiguration([7, 14]))
        try rig.restart()
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
    }

    @Test(arguments: Kind.allCases)
    func `A secret sealed to a configuration to come opens only when it has come`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let present = try rig.anchor.readPCRs([4, 8])
        var values = present.values
        values[8] = Rig.extended(try #require(values[8]), by: "the new kernel")
        let sealed = try rig.anchor.seal(Secret("key"), to: try PCRConfiguration(present.algorithm, values))
        #expect(anchorError { try rig.anchor.unseal(sealed) } == .otherConfiguration([8]))
        try rig.extend(8, by: "the new kernel")
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        try rig.extend(8, by: "something after it")
        #expect(anchorError { try rig.anchor.unseal(sealed) } == .otherConfiguration([8]))
    }

    @Test(arguments: Kind.allCases)
    func `A sealed secret that was changed anywhere does not open`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        let sealed = try anchor.seal(Secret("key"), to: try anchor.readPCRs([0]))
        for index in stride(from: 0, to: sealed.count, by: 7) {
            var changed = sealed
            changed[index] ^= 0x10
            #expect(anchorError { try anchor.unseal(changed) }?.name == "damaged")
        }
        for count in [0, 4, 36, sealed.count - 1] {
            #expect(anchorError { try anchor.unseal(Array(sealed.prefix(count))) }?.name == "damaged")
        }
        #expect(try anchor.unseal(sealed) == Secret("key"))
    }

    /// An attacker can make the checksum right.
    @Test(arguments: Kind.allCases)
    func `What the TPM wrapped opens no more when it was changed under a right checksum`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        let bytes = try anchor.seal(Secret("key"), to: try anchor.readPCRs([0, 1]))
        let sealed = try SealedSecret.decode(bytes, for: anchor.identity)
        for index in stride(from: 0, to: sealed.privatePart.count, by: 5) {
            var changed = sealed
            changed.privatePart[index] ^= 1
            let error = anchorError { try anchor.unseal(try changed.bytes()) }
            #expect(error != nil, "byte \(index)")
            #expect(error?.name != "otherHardware", "byte \(index): \(error.map(\.description) ?? "")")
        }
        for index in stride(from: 0, to: sealed.publicPart.count, by: 3) {
            var changed = sealed
            changed.publicPart[index] ^= 1
            #expect(anchorError { try anchor.unseal(try changed.bytes()) } != nil, "byte \(index)")
        }
        for part in [[], [0], [UInt8](repeating: 0xff, count: 1024), [UInt8](repeating: 0xff, count: 9000)] as [[UInt8]]
        {
            var changed = sealed
            changed.privatePart = part
            #expect(anchorError { try anchor.unseal(try changed.bytes()) } != nil, "\(part.count) bytes")
        }
        // The values beside it decide nothing.
        var relabelled = sealed
        try rig.extend(1, by: "event")
        relabelled.configuration = try anchor.readPCRs([0, 1])
        #expect(anchorError { try anchor.unseal(try relabelled.bytes()) }?.name == "otherConfiguration")
        relabelled.configuration = nil
        #expect(anchorError { try anchor.unseal(try relabelled.bytes()) } != nil)
    }

    // MARK: The counter

    @Test(arguments: Kind.allCases)
    func `The counter counts by one, over restarts`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let start = try rig.anchor.readCounter()
        #expect(start > 0)
        for step in 1...3 { #expect(try rig.anchor.incrementCounter() == start + UInt64(step)) }
        #expect(try rig.anchor.readCounter() == start + 3)
        try rig.restart()
        #expect(try rig.anchor.readCounter() == start + 3)
        #expect(try rig.anchor.incrementCounter() == start + 4)
    }

    @Test(arguments: Kind.allCases)
    func `A counter made anew starts above the one that was removed`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        for _ in 0..<3 { try rig.anchor.incrementCounter() }
        let last = try rig.anchor.readCounter()
        try rig.remove()
        try rig.reprovision()
        #expect(try rig.anchor.readCounter() > last)
    }

    // MARK: The record

    @Test(arguments: Kind.allCases)
    func `The record is what was written last, over restarts`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        #expect(try rig.anchor.readRecord() == [])
        for count in [1, 32, 128, 0, 77] {
            let record = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 3) }
            try rig.anchor.writeRecord(record)
            #expect(try rig.anchor.readRecord() == record)
        }
        try rig.restart()
        #expect(try rig.anchor.readRecord().count == 77)
        let tooLong = [UInt8](repeating: 1, count: 129)
        #expect(anchorError { try rig.anchor.writeRecord(tooLong) }?.name == "unfit")
        #expect(try rig.anchor.readRecord().count == 77)
    }

    @Test(arguments: Kind.of12)
    func `Nobody without the anchor's secret reads or writes the record in a TPM 1.2`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let index = rig.material.form.record
        let area = [UInt8](repeating: 0, count: AnchorRecord.areaSize)
        let wrong = Secret(count: 20)
        try rig.anchor.writeRecord([1, 2, 3])
        for authorization in [NVAuthorization.none, .owner(Rig.owner.authData), .area(wrong)] {
            #expect(throws: (any Error).self) { try rig.with12 { try $0.writeNV(index, area, as: authorization) } }
            #expect(throws: (any Error).self) { try rig.with12 { try $0.readNV(index, count: 8, as: authorization) } }
        }
        #expect(try rig.anchor.readRecord() == [1, 2, 3])
    }

    @Test func `Nobody without the anchor's secret reads or writes the record in a TPM 2.0`() throws {
        let rig = try Rig(.tpm20)
        defer { rig.end() }
        let index = rig.material.form.record
        try rig.anchor.writeRecord([1, 2, 3])
        let commands = try rig.commands20
        for auth in [[], [UInt8](repeating: 0, count: 32)] as [[UInt8]] {
            #expect(throws: TPM20Commands.Failure.self) { try commands.write(index, [1], auth: auth) }
            #expect(throws: TPM20Commands.Failure.self) { try commands.read(index, size: 8, auth: auth) }
        }
        #expect(try rig.anchor.readRecord() == [1, 2, 3])
    }

    // MARK: Quotes

    @Test(arguments: Kind.allCases, [20, 32])
    func `A quote verifies with the public key alone`(kind: Kind, nonceSize: Int) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        try rig.extend(7, by: "event")
        let nonce = (0..<nonceSize).map { UInt8($0) }
        let quote = try rig.anchor.quote([0, 7, 14], nonce: nonce)
        #expect(quote.configuration == (try rig.anchor.readPCRs([0, 7, 14])))
        let sent = try AnchorQuote(bytes: try quote.bytes())
        #expect(sent == quote)
        try sent.verify(by: rig.anchor.quotingKey, nonce: nonce)
    }

    @Test(arguments: Kind.allCases)
    func `A quote that was changed, or is for another verifier, does not verify`(kind: Kind) throws {
        let (rig, other) = (try Rig(kind), try Rig.other(kind))
        defer { for one in [rig, other] { one.end() } }
        let key = try rig.anchor.quotingKey
        let nonce = [UInt8](repeating: 5, count: 32)
        let quote = try rig.anchor.quote([0, 7], nonce: nonce)
        #expect(throws: QuoteFlaw.otherNonce) { try quote.verify(by: key, nonce: [UInt8](repeating: 6, count: 32)) }
        #expect(throws: QuoteFlaw.otherNonce) { try quote.verify(by: key, nonce: Array(nonce.prefix(20))) }
        #expect(throws: QuoteFlaw.otherKey) { try quote.verify(by: try other.anchor.quotingKey, nonce: nonce) }
        #expect(throws: QuoteFlaw.keyUnreadable) { try quote.verify(by: [1, 2, 3], nonce: nonce) }

        func altered(
            form: AnchorQuote.Form? = nil, statement: [UInt8]? = nil, signature: [UInt8]? = nil,
            key: [UInt8]? = nil, _ configuration: PCRConfiguration? = nil
        ) -> AnchorQuote {
            AnchorQuote(
                form ?? quote.form, statement ?? quote.statement, signature: signature ?? quote.signature,
                key: key ?? quote.quotingKey, configuration ?? quote.configuration)
        }
        var values = quote.configuration.values
        values[7]?[3] ^= 1
        let lie = try PCRConfiguration(quote.configuration.algorithm, values)
        #expect(throws: QuoteFlaw.otherValues) { try altered(lie).verify(by: key, nonce: nonce) }
        values = quote.configuration.values
        values[7] = nil
        let fewer = try PCRConfiguration(quote.configuration.algorithm, values)
        #expect(throws: QuoteFlaw.otherValues) { try altered(fewer).verify(by: key, nonce: nonce) }
        for index in quote.statement.indices {
            var statement = quote.statement
            statement[index] ^= 1
            #expect(throws: QuoteFlaw.badSignature) { try altered(statement: statement).verify(by: key, nonce: nonce) }
        }
        var signature = quote.signature
        signature[100] ^= 1
        for signature in [signature, [], quote.signature + [0]] {
            #expect(throws: QuoteFlaw.badSignature) { try altered(signature: signature).verify(by: key, nonce: nonce) }
        }
        let form: AnchorQuote.Form = quote.form == .attest ? .quoteInfo : .attest
        #expect(throws: QuoteFlaw.badSignature) { try altered(form: form).verify(by: key, nonce: nonce) }
        // The other TPM's quote, said to be this one's.
        let theirs = try other.anchor.quote([0, 7], nonce: nonce)
        let borrowed = altered(statement: theirs.statement, signature: theirs.signature, theirs.configuration)
        #expect(throws: QuoteFlaw.badSignature) { try borrowed.verify(by: key, nonce: nonce) }
    }

    @Test(arguments: Kind.allCases)
    func `A quote needs a nonce and PCRs`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        for count in [0, 19, 33] {
            #expect(anchorError { try anchor.quote([0], nonce: [UInt8](repeating: 0, count: count)) }?.name == "unfit")
        }
        for indices in [[], [24]] as [Set<Int>] {
            #expect(
                anchorError { try anchor.quote(indices, nonce: [UInt8](repeating: 0, count: 20)) }?.name == "unfit")
        }
    }

    // MARK: Receiving

    @Test(arguments: Kind.allCases)
    func `What was encrypted to the hardware without it, it receives, after a restart too`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let key = try ReceivingKey(bytes: try rig.anchor.receivingKey.bytes())
        #expect(key == (try rig.anchor.receivingKey))
        for count in [1, 32, 190] {
            let secret = Secret((0..<count).map { UInt8(truncatingIfNeeded: 255 - $0) })
            #expect(try rig.anchor.receive(key.encrypt(secret)) == secret)
        }
        let ciphertext = try key.encrypt(Secret("group key"))
        try rig.restart()
        #expect(try rig.anchor.receive(ciphertext) == Secret("group key"))
        for count in [0, 191] { #expect(anchorError { try key.encrypt(Secret(count: count)) }?.name == "unfit") }
    }

    @Test(arguments: Kind.allCases)
    func `What was encrypted to other hardware, or changed, it does not receive`(kind: Kind) throws {
        let (rig, other) = (try Rig(kind), try Rig.other(kind))
        defer { for one in [rig, other] { one.end() } }
        let theirs = try other.anchor.receivingKey.encrypt(Secret("theirs"))
        #expect(anchorError { try rig.anchor.receive(theirs) }?.name == "damaged")
        let mine = try rig.anchor.receivingKey.encrypt(Secret("mine"))
        var changed = mine
        changed[200] ^= 1
        let sizes = [[], [1], Array(mine.dropLast()), mine + [0], [UInt8](repeating: 0xff, count: 5000)]
        for ciphertext in [changed, [UInt8](repeating: 0xff, count: 256)] + sizes {
            let error = anchorError { try rig.anchor.receive(ciphertext) }
            #expect(error?.name == "damaged", "\(ciphertext.count) bytes: \(error.map { "\($0)" } ?? "taken")")
        }
        #expect(try rig.anchor.receive(mine) == Secret("mine"))
    }

    // MARK: Many at a time

    @Test(arguments: Kind.allCases)
    func `Many threads use one anchor`(kind: Kind) async throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        let start = try anchor.readCounter()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<16 {
                group.addTask {
                    let secret = Secret([UInt8(number)])
                    try anchor.incrementCounter()
                    let sealed = try anchor.seal(secret, to: try anchor.readPCRs([0]))
                    return try anchor.unseal(sealed) == secret
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        #expect(try anchor.readCounter() == start + 16)
        #expect(try rig.loaded() == 0)
    }
}
