import TPMCrypto
import TPMTesting
import TPMWire

@testable import TPMClient

/// An issuer of DAA credentials after Brickell, Camenisch and Chen, "Direct Anonymous Attestation" (2004), with their
/// names: n = p · q, generators g', g, h, S, Z, R0 and R1 of the squares modulo n, and a group of order ρ modulo Γ.
struct DAAIssuerParty: Sendable {
    // Made once: p and q are the first safe primes at or above the MGF1 masks of "p" and "q" (128 bytes, the two top
    // and the two lowest bits set), ρ the first prime at or above that of "rho" (26 bytes, the top and the lowest bit
    // set), and Γ the first prime ρ · r + 1 of 2048 bits with r upwards from that of "gamma" (230 bytes, the top bit
    // set and the lowest cleared) in steps of two.
    private static let p = Number(
        hex: """
            ff8fc91c3f8a70d14e4ca8ccae4c0a95129034d9829998da85c88f56e7b22659f7be51ee56f1c171222d4f5810a5dc476afc
            2007d77925142f586d9deb9e88b40a171618f8858b3d981f54dc4bd8f64e2646c996bd03a35e529da8bc36f77fa19869c3b2
            b554e1c417735907f2864484ed964f12b47d3bdc47d53c0b605d3e5f
            """)
    private static let q = Number(
        hex: """
            fb5be28913cefc2ffe4770efed5586f3950130cd5a23f38a60b221ba597d72ee3732e5aecf5ff8a1e335bf258d94e92c9db8
            efe470f07c0d7903524f8ed29a9df4135ba2d287c76870cabe9743320f6ec75efb5bc97761be051e19bd409c080b85bff4cc
            e667cd1cac623e9d65dd7ee40413278c337dd54a54d78807e10351db
            """)
    static let rho = Number(hex: "edfb041088aa78395b55217103df33f2214a8fc3bde0ffad71b9")
    static let gamma = Number(
        hex: """
            8b5f102df7ecb4215d0a68d6709d8670105e8d34cc091a65ea0663219135890cdbbcf41f16735feed83da0aa27c80fae939a
            69f086365061c865cf0d54cc9ac9601a19f617dc4b7c9460f1c651db5e400f69f57a1bee112c5cc58eaa608ba8e443bf8eea
            0790f73971bab5bf5ff5b45e113e9d604127b5698e50c042bef348f315d56ea541584e638f9ebacf0fc4d14cb567852a0c59
            361c2ebbdfd1417f9bad87d63f6b72e17f6117edf4bad36db817c09bb12d64358ef1d956fc789050274f6371d33aa600083a
            6227df6c902c4c320c3716e491fabf1a18cd1831d7444252c3033e518c1bac88f93cb7bdfd9f07e3d01c470d913f02c36558
            48bafb9897e9
            """)
    static let n = p * q
    /// The order of the squares modulo n, the issuer's secret.
    private static let order = ((p - Number(1)) / Number(2)) * ((q - Number(1)) / Number(2))

    let g, gPrime, h, s, z, r0, r1: Number
    private let random: SeededRandom
    /// The chain of RSA keys: each signs the next one, and the last the parameters.
    private let chain: [RSAPrivateKey]

    /// - Parameter keys: how many keys the chain has; the first is the same for every issuer.
    init(keys: Int = 1) throws {
        let random = SeededRandom(seed: Array("DAA issuer".utf8))
        self.random = random
        func square() throws -> Number {
            let root = try Number.random(bits: 2047, random)
            return (root * root) % Self.n
        }
        func exponent() throws -> Number { try Number.random(bits: 2045, random) + Number(1) }
        gPrime = try square()
        g = gPrime.power(try exponent(), Self.n)
        h = gPrime.power(try exponent(), Self.n)
        s = h.power(try exponent(), Self.n)
        z = h.power(try exponent(), Self.n)
        r0 = s.power(try exponent(), Self.n)
        r1 = s.power(try exponent(), Self.n)
        chain = try Self.keys.prefix(keys).map { try RSAPrivateKey(primes: $0.get()) }
    }

    private static let keys: [Result<RSAPrimes, any Error>] = (2..<5).map { number in
        Result { try TestKeyPairs(startingAt: number).keyPair(bits: 2048, exponent: 65537) }
    }

    var parameters: DAAParameters {
        DAAParameters(
            r0: r0.bytes(256), r1: r1.bytes(256), s0: s.bytes(256),
            s1: s.power(Number(1) << 1024, Self.n).bytes(256), n: Self.n.bytes(256), gamma: Self.gamma.bytes(256),
            q: Self.rho.bytes(26))
    }

    var firstKey: [UInt8] { chain[0].publicKey.modulus }

    func signedChain() throws -> [DAAIssuerKey] {
        try chain.indices.map { index in
            let modulus = chain[index].publicKey.modulus
            guard index > 0 else { return DAAIssuerKey(modulus: modulus) }
            return DAAIssuerKey(modulus: modulus, signature: try sign(modulus, with: chain[index - 1]))
        }
    }

    /// The last key's signature over the parameters.
    func signature(over parameters: DAAParameters? = nil) throws -> [UInt8] {
        let data = try (parameters ?? self.parameters).signedData(firstKey: firstKey)
        return try sign(data, with: chain[chain.count - 1])
    }

    private func sign(_ data: [UInt8], with key: RSAPrivateKey) throws -> [UInt8] {
        try key.signPKCS1(block: digestInfo(SHA1.hash(data)))
    }

    /// A base of pseudonyms for a name: an element of order ρ.
    static func base(_ name: String) throws -> Number {
        let seed = try Number.random(bits: 2048, SeededRandom(seed: Array(name.utf8)))
        return seed.power((gamma - Number(1)) / rho, gamma)
    }

    // MARK: Join

    /// What the platform sends to the issuer.
    struct JoinRequest {
        var u, commitment: [UInt8]
        var pseudonym: DAAPseudonym
        var base: Number
        var nonce: Digest
        var responses: DAAResponses
    }

    /// What the platform's part of the challenge covers.
    func challenge(u: [UInt8], commitment: [UInt8], pseudonym: DAAPseudonym, nonce: Digest) -> Digest {
        SHA1.hash(
            Self.n.bytes(256), r0.bytes(256), r1.bytes(256), s.bytes(256), u, pseudonym.value, commitment,
            pseudonym.commitment, nonce)
    }

    /// The proof that the platform knows f0, f1 and v' of U and of the pseudonym.
    func accepts(_ join: JoinRequest) -> Bool {
        let (n, gamma) = (Self.n, Self.gamma)
        let answer = join.responses
        let c = Number(answer.c.bytes)
        let (sf0, sf1) = (Number(answer.s0), Number(answer.s1))
        let sv = Number(answer.s2) + (Number(answer.s3) << 1024)
        // l_f + l_phi + l_H + 1 and l_n + 2 · l_phi + l_H + 1 bits.
        guard sf0.bitCount <= 345, sf1.bitCount <= 345, sv.bitCount <= 2369 else { return false }
        let commitment =
            (Number(join.u).power(-c, n) * r0.power(sf0, n) * r1.power(sf1, n) * s.power(sv, n)) % n
        let pseudonym = Number(join.pseudonym.value)
        guard pseudonym.power(Self.rho, gamma) == Number(1) else { return false }
        let named = (pseudonym.power(-c, gamma) * join.base.power(sf0 + (sf1 << 104), gamma)) % gamma
        let digest = challenge(
            u: join.u, commitment: commitment.bytes(256),
            pseudonym: DAAPseudonym(value: join.pseudonym.value, commitment: named.bytes(256)), nonce: join.nonce)
        return SHA1.hash(digest, answer.nt) == answer.c
    }

    /// The issuer's part of a credential: A ^ e · U · S ^ v'' = Z.
    func certify(u: [UInt8]) throws -> (a: Number, e: Number, v: Number) {
        // l_e = 368, l_e' = 120, l_v = 2536.
        var e = (Number(1) << 367) + (try Number.random(bits: 118, random)) * Number(2) + Number(1)
        while !e.isPrime { e = e + Number(2) }
        let v = (Number(1) << 2535) + (try Number.random(bits: 2535, random))
        let root = e.inverse(Self.order)
        let a = ((z * Number(u).inverse(Self.n)) % Self.n * s.power(-v, Self.n) % Self.n).power(root, Self.n)
        return (a, e, v)
    }
}
