import TPMClient
import TPMCrypto
import TPMEngine
import TPMTesting
import TPMWire
import Testing

/// Everything follows from the seed.
@Suite struct DeterminismTests {
    /// What a TPM of a seed answers in a session with keys, nonces and random bytes.
    private func session(_ seed: String) throws -> Recording {
        let tpm = try TestTPM(.withKeys, seed: seed, records: true)
        let blob = try tpm.client.seal(Secret([1, 2, 3]))
        _ = try tpm.client.unseal(blob)
        _ = try tpm.client.createKey(.template(.storage))
        try tpm.client.execute(GetRandom.self, .init(bytesRequested: 40))
        return try #require(tpm.recording)
    }

    @Test func oneSeedGivesTheSameBytes() throws {
        let (first, second) = (try session("one"), try session("one"))
        #expect(Difference.between(first, second) == nil)
        #expect(first.exchanges.count >= 8)
    }

    @Test func anotherSeedGivesOtherBytes() throws {
        let (first, second) = (try session("one"), try session("two"))
        let answers = zip(first.exchanges, second.exchanges).filter { $0.answer == $1.answer }
        // The end of a session says nothing.
        #expect(answers.allSatisfy { $0.0.answer?.count == 10 })
        #expect(
            try TestTPM(seed: "one").client.endorsementKeyOfOwner()
                != TestTPM(seed: "two").client.endorsementKeyOfOwner())
    }

    /// The bytes are those of every machine.
    @Test func theBytesOfASeedAreKnown() throws {
        let tpm = try TestTPM(.owned, seed: "known")
        let random = try tpm.client.execute(GetRandom.self, .init(bytesRequested: 8)).randomBytes
        #expect(Hexadecimal.encode(random.bytes) == "b48d433797baabe3")
    }

    @Test func moreKeysThanWereMadeBeforeAreMadeFromTheSeed() throws {
        let (first, second) = (TestKeyPairs(seed: [1]), TestKeyPairs(seed: [1]))
        var moduli: Set<[UInt8]> = []
        for _ in 0..<66 {
            let key = try first.keyPair(bits: 512, exponent: 65537)
            moduli.insert(key.modulus)
            #expect(try second.keyPair(bits: 512, exponent: 65537).modulus == key.modulus)
            _ = try RSAPrivateKey(primes: key)
        }
        #expect(moduli.count == 66)
    }

    @Test func keysWithAnotherExponentAreMadeFromTheSeed() throws {
        let key = try TestKeyPairs(seed: [1]).keyPair(bits: 512, exponent: 3)
        #expect(key.exponent == 3)
        #expect(try TestKeyPairs(seed: [1]).keyPair(bits: 512, exponent: 3).modulus == key.modulus)
        #expect(try TestKeyPairs(seed: [2]).keyPair(bits: 512, exponent: 3).modulus != key.modulus)
    }

    @Test func aKeyThatCannotBeIsRefused() {
        #expect(throws: CryptoError.self) { try TestKeyPairs(seed: []).keyPair(bits: 513, exponent: 65537) }
        #expect(throws: CryptoError.self) { try TestKeyPairs(seed: []).keyPair(bits: 2048, exponent: 2) }
    }

    @Test func theClockStandsUntilItIsTurned() throws {
        let tpm = try TestTPM()
        #expect(try tpm.client.ticks().currentTicks == 0)
        tpm.clock.advance(by: .seconds(2) + .microseconds(5))
        #expect(try tpm.client.ticks().currentTicks == 2_000_005)
        tpm.clock.advance(by: .seconds(-1))
        tpm.clock.advance(seconds: 1)
        tpm.clock.advance(microseconds: 1)
        #expect(tpm.clock.microseconds == 3_000_006)
        tpm.clock.advance(seconds: .max)
        tpm.clock.advance(by: .seconds(Int64.max))
        #expect(tpm.clock.microseconds == .max)
    }
}

extension TPMClient {
    fileprivate func endorsementKeyOfOwner() throws -> Pubkey { try endorsementKey(owner: KnownSecrets().owner) }
}
