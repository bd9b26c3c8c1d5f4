import TPMCrypto
import Testing

@Suite struct OAEPTests {
    private let seed = Secret((1...20).map { UInt8($0) })
    private let label = Secret((101...120).map { UInt8($0) })

    /// Computed in Python (hashlib) from PKCS #1 v2.0, 9.1.1.
    @Test func encodesAsTheStandardSays() throws {
        let exact = hex("ea2ed344fb39a78290b903ca720d4f3ea98dd6c5e00b21f56d7e23f439f928a18730831ab471e79620840ef2")
        let padded = hex(
            "d6fa829c5b5c2c98a26ceea1069437f497cf40f5e00b21f56d7e23f439f9"
                + "28a18730831ab471e796218d06f57715458ff28a")
        #expect(try OAEP.encode(Secret([9, 8, 7]), labelHash: label, seed: seed).bytes == exact)
        #expect(try OAEP.encode(Secret([9, 8, 7]), labelHash: label, seed: seed, size: 50).bytes == padded)
    }

    @Test(arguments: [0, 1, 157, 400], [0, 1, 60])
    func whatWasEncodedComesBackWithSeedAndLabel(count: Int, padding: Int) throws {
        let message = Secret((0..<count).map { UInt8(truncatingIfNeeded: $0) })
        let size = count + OAEP.overhead + padding
        let block = try OAEP.encode(message, labelHash: label, seed: seed, size: size)
        #expect(block.count == size)
        let decoded = try OAEP.decode(block)
        #expect(decoded.message == message)
        #expect(decoded.seed == seed)
        #expect(decoded.labelHash == label)
    }

    @Test func sizesThatDoNotFitAreRefused() {
        for (message, label, seed, size) in [
            (Secret(count: 10), label, seed, 50), (Secret([]), label, Secret(count: 19), 60),
            (Secret([]), Secret(count: 21), seed, 60), (Secret([]), label, seed, -1),
            (Secret([]), label, seed, MGF1.maximumCount + 1),
        ] {
            #expect(throws: CryptoError.self) {
                try OAEP.encode(message, labelHash: label, seed: seed, size: size)
            }
        }
        for count in [0, 1, 20, 40, MGF1.maximumCount + 1] {
            #expect(throws: CryptoError.self) { try OAEP.decode(Secret(count: count)) }
        }
    }

    @Test func aBlockThatWasChangedDoesNotComeBackAsItWas() throws {
        let message = Secret([1, 2, 3])
        let block = try OAEP.encode(message, labelHash: label, seed: seed, size: 60).bytes
        for index in block.indices {
            var changed = block
            changed[index] ^= 1
            let decoded = try? OAEP.decode(Secret(changed))
            #expect(decoded?.message != message || decoded?.seed != seed || decoded?.labelHash != label)
        }
    }

    @Test func paddingOfZerosThatNothingEndsIsRefused() throws {
        // The block is made as the encoding makes it, but for the byte 1.
        for last in [0, 2] as [UInt8] {
            var data = label.bytes + [UInt8](repeating: 0, count: 19) + [last]
            try MGF1.xor(seed: seed, into: &data)
            var masked = seed.bytes
            try MGF1.xor(seed: Secret(data), into: &masked)
            #expect(throws: CryptoError.self) { try OAEP.decode(Secret(masked + data)) }
        }
    }
}

@Suite struct SecretPartTests {
    private let secret = Secret([1, 2, 3, 4])

    @Test func partsAreCutAtTheEnds() {
        #expect(secret.prefix(3).bytes == [1, 2, 3])
        #expect(secret.prefix(9).bytes == [1, 2, 3, 4])
        #expect(secret.prefix(-1).bytes == [])
        #expect(secret.dropFirst(3).bytes == [4])
        #expect(secret.dropFirst(4).bytes == [])
        #expect(secret.dropFirst(-1).bytes == [1, 2, 3, 4])
        #expect((secret.prefix(1) + secret.dropFirst(2)).bytes == [1, 3, 4])
        #expect((Secret([]) + Secret([])).count == 0)
    }

    @Test func aMaskHasTheSameSize() {
        #expect(secret.xor([1, 2, 4, 8])?.bytes == [0, 0, 7, 12])
        #expect(secret.xor([1, 2, 4]) == nil)
        #expect(secret.xor([1, 2, 4, 8, 16]) == nil)
    }
}
