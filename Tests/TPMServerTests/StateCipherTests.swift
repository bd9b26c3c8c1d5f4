import TPMCrypto
import Testing

@testable import TPMServer

@Suite struct StateCipherTests {
    private static let state = Secret((0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) })

    private func cipher(_ mode: StateCipher.Mode, _ byte: UInt8 = 1) throws -> StateCipher {
        try StateCipher(mode, key: Secret([UInt8](repeating: byte, count: mode.keySize)))
    }

    @Test(arguments: [StateCipher.Mode.aes128CBC, .aes256CBC])
    func whatIsSealedOpens(mode: StateCipher.Mode) throws {
        let cipher = try cipher(mode)
        let sealed = try cipher.seal(Self.state).bytes
        #expect(StateCipher.isSealed(sealed))
        #expect(try cipher.open(sealed) == Self.state)
        #expect(try StateCipher.open(sealed, with: cipher) == Self.state)
        #expect(try cipher.open(try cipher.seal(Secret([])).bytes) == Secret([]))
        let again = try self.cipher(mode)
        #expect(try again.open(sealed) == Self.state)
    }

    @Test func noTwoAreAlike() throws {
        let cipher = try cipher(.aes128CBC)
        let (first, second) = (try cipher.seal(Self.state).bytes, try cipher.seal(Self.state).bytes)
        #expect(first.prefix(18) == second.prefix(18))
        #expect(first[18..<34] != second[18..<34])
        #expect(first[34..<50] != second[34..<50])
    }

    /// What is written today must open for ever; Python's hmac and `openssl enc` agree with it.
    @Test func theFormatStays() throws {
        let random = SeededRandom(seed: 4)
        let key = Secret((0..<16).map { UInt8($0) })
        let sealed = try StateCipher(.aes128CBC, key: key, random: random).seal(Secret(Array("a state".utf8)))
        #expect(
            sealed.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
                == "7654504d7365616c01017c0202ad440e6affd2306a49c9b64e5337a01cc4893e0964f527e87f8f34179b"
                + "6237a6e941abfbb147864ec089c4ce0e97039a916be6446443b1ac180b7237842200fedec9d508bb")
    }

    @Test func everyChangedByteIsFound() throws {
        let cipher = try cipher(.aes256CBC)
        let sealed = try cipher.seal(Secret(Array("a state of a TPM".utf8))).bytes
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            let expected: StateCipherError =
                switch index {
                case ..<8: .isPlain
                case 8: .unknownVersion(0)
                case 10..<18: .otherKey
                default: .damaged
                }
            #expect(throws: expected, "byte \(index)") { try cipher.open(changed) }
        }
    }

    @Test func everyCutIsFound() throws {
        let cipher = try cipher(.aes256CBC)
        let sealed = try cipher.seal(Secret(Array("a state of a TPM".utf8))).bytes
        for count in 8..<sealed.count {
            #expect(throws: StateCipherError.damaged) { try cipher.open(Array(sealed.prefix(count))) }
        }
        #expect(throws: StateCipherError.damaged) { try cipher.open(sealed + [0]) }
    }

    @Test func whatDoesNotFitIsSaid() throws {
        let short = try cipher(.aes128CBC)
        let long = try cipher(.aes256CBC)
        let sealed = try short.seal(Self.state).bytes
        #expect(throws: StateCipherError.otherKey) { try self.cipher(.aes128CBC, 2).open(sealed) }
        #expect(throws: StateCipherError.otherMode(.aes128CBC)) { try long.open(sealed) }
        #expect(throws: StateCipherError.otherMode(.aes256CBC)) { try short.open(try long.seal(Self.state).bytes) }
        #expect(throws: StateCipherError.isPlain) { try StateCipher.open(Self.state.bytes, with: short) }
        #expect(throws: StateCipherError.noKey) { try StateCipher.open(sealed, with: nil) }
        #expect(try StateCipher.open(Self.state.bytes, with: nil) == Self.state)
        #expect(
            "\(StateCipherError.otherMode(.aes128CBC))" == "is encrypted with aes-128-cbc: give that mode and its key.")
        #expect("\(StateCipherError.noKey)" == "is encrypted: give its key.")
    }

    @Test(arguments: [0, 15, 17, 24, 31, 33])
    func keysHaveTheSizeOfTheMode(size: Int) {
        for mode in [StateCipher.Mode.aes128CBC, .aes256CBC] {
            #expect(throws: CryptoError.self) { try StateCipher(mode, key: Secret(count: size)) }
        }
    }

    @Test func aDirectoryWithAKeyHoldsNothingInTheClear() throws {
        let home = try TemporaryDirectory()
        let cipher = try cipher(.aes256CBC)
        let directory = try StateDirectory(home.path, cipher: cipher)
        try directory.lock(waiting: 0, continues: false)
        try directory.saveVolatile(Self.state)
        let stored = try #require(home.files.filter { $0 != "lock" }.first.flatMap { home.contents($0) })
        #expect(StateCipher.isSealed(stored))
        #expect(try directory.loadVolatile() == Self.state)
        directory.release()
        let keyless = try StateDirectory(home.path)
        try keyless.lock(waiting: 0, continues: false)
        #expect { try keyless.loadVolatile() } throws: { "\($0)".contains("is encrypted: give its key.") }
    }
}
