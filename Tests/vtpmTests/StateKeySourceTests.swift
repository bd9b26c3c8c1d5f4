import Foundation
import TPMCrypto
import TPMServer
import Testing

@testable import vtpm

@Suite struct StateKeySourceTests {
    private static let digits = "00112233445566778899aAbBcCdDeEfF"
    private static let bytes: [UInt8] = [
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    ]

    private func key(_ text: String, _ options: String) throws -> [UInt8] {
        try StateKeySource("file=x,\(options)", of: "--key").key(from: Secret(Array(text.utf8))).bytes
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "it was not refused"
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: ["", "0x"])
    func hexadecimalKeys(prefix: String) throws {
        #expect(try key(prefix + Self.digits, "format=hex") == Self.bytes)
        #expect(try key(prefix + Self.digits + " \r\n\n", "mode=aes-128-cbc") == Self.bytes)
        #expect(try key(prefix + Self.digits + Self.digits, "mode=aes-256-cbc") == Self.bytes + Self.bytes)
    }

    @Test(arguments: [
        ("", "the key has 0 hexadecimal digits, and aes-128-cbc takes 32"),
        ("001", "the key has 3 hexadecimal digits"),
        (digits + digits, "the key has 64 hexadecimal digits, and aes-128-cbc takes 32"),
        (digits + " more", "no row of hexadecimal digits"), (" " + digits, "no row of hexadecimal digits"),
        ("0x0x" + digits, "no row of hexadecimal digits"), ("0X" + digits, "no row of hexadecimal digits"),
    ])
    func whatIsNoHexadecimalKey(text: String, sentence: String) {
        #expect(refusal { _ = try key(text, "format=hex") }.contains(sentence))
    }

    @Test func binaryKeysHaveTheSizeOfTheMode() throws {
        let source = try StateKeySource("file=x,format=binary", of: "--key")
        #expect(try source.key(from: Secret(Self.bytes)).bytes == Self.bytes)
        for size in [0, 15, 17, 32] {
            #expect(refusal { _ = try source.key(from: Secret(count: size)) }.contains("the key has \(size) bytes"))
        }
        let long = try StateKeySource("file=x,format=binary,mode=aes-256-cbc", of: "--key")
        #expect(try long.key(from: Secret(count: 32)).count == 32)
    }

    /// What encrypts a state today must decrypt it for ever. The values are Python's hashlib's.
    @Test func passphrasesBecomeTheSameKeysForEver() throws {
        func key(_ options: String) throws -> [UInt8] {
            let source = try StateKeySource("pwdfile=x,\(options)", of: "--key")
            return try source.key(from: Secret(Array("open sesame\n".utf8))).bytes
        }
        let hash = "1aa7b5976b5c65786cc08eff8aa33ee3a8d6352326078cd42248369712b9d4d3"
        let derived = "dd46386d8f6436f2518a847a4ac7f7714aa8d3891954388da13090b922985cdd"
        #expect(try Hexadecimal.encode(key("kdf=sha512,mode=aes-256-cbc")) == hash)
        #expect(try Hexadecimal.encode(key("kdf=sha512")) == String(hash.prefix(32)))
        #expect(try Hexadecimal.encode(key("mode=aes-256-cbc")) == derived)
        #expect(try Hexadecimal.encode(key("kdf=pbkdf2,mode=aes-cbc")) == String(derived.prefix(32)))
    }

    @Test func anEmptyPassphraseIsNone() throws {
        let source = try StateKeySource("pwdfile=x", of: "--migration-key")
        #expect(refusal { _ = try source.key(from: Secret([])) } == "--migration-key: the passphrase is empty.")
    }

    @Test(arguments: [
        ("mode=aes-cbc", "needs a key in file= or fd="), ("file=k,pwdfile=k", "only one of 'file' and 'pwdfile'"),
        ("file=k,fd=3", "only one of 'file' and 'fd'"), ("file=k,kdf=pbkdf2", "'kdf' has no effect with file="),
        ("pwdfd=3,format=hex", "'format' has no effect with pwdfd="),
        ("fd=3,remove", "'remove' has no effect with fd="),
        ("file=k,mode=aes-512-cbc", "there is no 'mode=aes-512-cbc'; it takes aes-cbc, aes-128-cbc, aes-256-cbc"),
        ("file=k,format=oct", "there is no 'format=oct'"), ("pwdfile=k,kdf=md5", "there is no 'kdf=md5'"),
        ("file=k,remove=maybe", "'remove' is true or false"), ("fd=x", "fd is a number"),
    ])
    func optionsThatMakeNoSense(text: String, sentence: String) {
        #expect(refusal { _ = try StateKeySource(text, of: "--key") }.contains(sentence))
    }

    @Test func aKeyFileGoesWhenItWasReadIfItShall() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("vtpm-key-\(UUID())")
        defer { try? FileManager.default.removeItem(at: file) }
        let other = try StateCipher(.aes128CBC, key: Secret(Self.bytes))
        let sealed = try other.seal(Secret([1, 2, 3])).bytes
        for (options, remains) in [("", true), (",remove=false", true), (",remove", false)] {
            try Data(Self.digits.utf8).write(to: file)
            let cipher = try StateKeySource("file=\(file.path)\(options)", of: "--key").cipher()
            #expect(try cipher.open(sealed).bytes == [1, 2, 3])
            #expect(FileManager.default.fileExists(atPath: file.path) == remains)
        }
    }

    @Test func aKeyComesThroughADescriptor() throws {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data(Self.digits.utf8))
        try pipe.fileHandleForWriting.close()
        // The reading closes it.
        let descriptor = dup(pipe.fileHandleForReading.fileDescriptor)
        let cipher = try StateKeySource("fd=\(descriptor)", of: "--key").cipher()
        #expect(cipher.mode == .aes128CBC)
        #expect(fcntl(descriptor, F_GETFD) == -1)
        #expect(
            refusal { _ = try StateKeySource("fd=\(descriptor)", of: "--key").cipher() }
                == "--key: cannot read descriptor \(descriptor): Bad file descriptor.")
    }

    @Test func whatIsTooLongIsNoKey() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("vtpm-key-\(UUID())")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(count: 4097).write(to: file)
        #expect(
            refusal { _ = try StateKeySource("pwdfile=\(file.path)", of: "--key").cipher() }.contains(
                "longer than 4096"))
        #expect(
            refusal { _ = try StateKeySource("file=\(file.path)", of: "--key").cipher() }.contains("longer than 1024"))
        #expect(
            refusal { _ = try StateKeySource("file=/nonexistent", of: "--key").cipher() }
                == "--key: cannot open /nonexistent: No such file or directory.")
    }
}
