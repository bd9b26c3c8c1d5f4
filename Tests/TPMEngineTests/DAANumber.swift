import CGMP
import TPMCrypto

/// An integer for the host's side of DAA, so that a proof is checked without the engine's arithmetic.
struct Number: Equatable, Sendable {
    /// Written by the initialiser alone.
    private final class Storage: @unchecked Sendable {
        let pointer = UnsafeMutablePointer<__mpz_struct>.allocate(capacity: 1)

        init() {
            installWipingAllocators()
            pointer.initialize(to: __mpz_struct())
            __gmpz_init(pointer)
        }

        deinit {
            __gmpz_clear(pointer)
            pointer.deallocate()
        }
    }

    private let storage: Storage

    private init(_ body: (UnsafeMutablePointer<__mpz_struct>) -> Void) {
        storage = Storage()
        body(storage.pointer)
    }

    init(_ value: Int) { self.init { __gmpz_set_si($0, value) } }

    /// Big-endian bytes.
    init(_ bytes: [UInt8]) { self.init { __gmpz_import($0, bytes.count, 1, 1, 1, 0, bytes) } }

    /// Hexadecimal digits; blanks between them do not count.
    init(hex: String) {
        let digits = hex.filter { !$0.isWhitespace }
        self.init { _ = __gmpz_set_str($0, digits, 16) }
    }

    /// Calls `body` with the places of the result and of two numbers.
    private static func make(
        _ a: Number, _ b: Number,
        _ body: (
            UnsafeMutablePointer<__mpz_struct>, UnsafeMutablePointer<__mpz_struct>, UnsafeMutablePointer<__mpz_struct>
        ) -> Void
    ) -> Number {
        withExtendedLifetime((a.storage, b.storage)) { Number { body($0, a.storage.pointer, b.storage.pointer) } }
    }

    static func + (a: Number, b: Number) -> Number { make(a, b) { __gmpz_add($0, $1, $2) } }
    static func - (a: Number, b: Number) -> Number { make(a, b) { __gmpz_sub($0, $1, $2) } }
    static func * (a: Number, b: Number) -> Number { make(a, b) { __gmpz_mul($0, $1, $2) } }
    static func / (a: Number, b: Number) -> Number { make(a, b) { __gmpz_fdiv_q($0, $1, $2) } }
    static func % (a: Number, b: Number) -> Number { make(a, b) { __gmpz_fdiv_r($0, $1, $2) } }
    static prefix func - (a: Number) -> Number { make(a, a) { result, a, _ in __gmpz_neg(result, a) } }
    static func << (a: Number, bits: Int) -> Number {
        make(a, a) { result, a, _ in __gmpz_mul_2exp(result, a, UInt(bits)) }
    }

    static func == (a: Number, b: Number) -> Bool {
        withExtendedLifetime((a.storage, b.storage)) { __gmpz_cmp(a.storage.pointer, b.storage.pointer) == 0 }
    }

    /// This ^ exponent mod modulus; a negative exponent takes the inverse, which has to exist.
    func power(_ exponent: Number, _ modulus: Number) -> Number {
        withExtendedLifetime(modulus.storage) {
            Self.make(self, exponent) { __gmpz_powm($0, $1, $2, modulus.storage.pointer) }
        }
    }

    /// The inverse modulo `modulus`, which has to exist.
    func inverse(_ modulus: Number) -> Number { Self.make(self, modulus) { _ = __gmpz_invert($0, $1, $2) } }

    var isPrime: Bool { withExtendedLifetime(storage) { __gmpz_probab_prime_p(storage.pointer, 30) != 0 } }

    /// Significant bits of the magnitude.
    var bitCount: Int { withExtendedLifetime(storage) { Int(__gmpz_sizeinbase(storage.pointer, 2)) } }

    /// Big-endian bytes of a number that is not negative, with zeros in front up to `count`.
    func bytes(_ count: Int) -> [UInt8] {
        let size = (bitCount + 7) / 8
        precondition(size <= count)
        var result = [UInt8](repeating: 0, count: size)
        withExtendedLifetime(storage) { _ = __gmpz_export(&result, nil, 1, 1, 1, 0, storage.pointer) }
        // Zero has no bytes but one digit.
        return [UInt8](repeating: 0, count: count - size) + (self == Number(0) ? [0] : result)
    }

    /// A number below 2^bits that a seed determines.
    static func random(bits: Int, _ source: SeededRandom) throws -> Number {
        Number(try source.bytes(count: (bits + 7) / 8)) % (Number(1) << bits)
    }
}
