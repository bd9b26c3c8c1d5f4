import Testing

@testable import TPMCrypto

@Suite struct SHA1Tests {
    /// FIPS 180 and RFC 3174: "abc", the empty string, and the 56-byte message.
    @Test(arguments: [
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
    ])
    func knownAnswers(message: String, digest: String) {
        #expect(SHA1.hash(Array(message.utf8)).description == digest)
        var sha1 = SHA1()
        for byte in message.utf8 { sha1.update([byte]) }
        #expect(sha1.finalize().description == digest)
    }

    @Test func aCopyIsAFork() {
        var one = SHA1()
        one.update(Array("ab".utf8))
        var other = one
        one.update(Array("c".utf8))
        other.update(Array("x".utf8))
        #expect(one.finalize() == SHA1.hash(Array("abc".utf8)))
        #expect(other.finalize() == SHA1.hash(Array("abx".utf8)))
    }
}
