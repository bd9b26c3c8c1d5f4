import CGMP

/// A non-negative GMP integer, wiped when freed. Confined to the call that makes it, so not Sendable.
final class BigInteger {
    let pointer: UnsafeMutablePointer<__mpz_struct>

    init(_ value: UInt = 0) {
        installWipingAllocators()
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: __mpz_struct())
        __gmpz_init_set_ui(pointer, value)
    }

    /// Reads big-endian bytes.
    convenience init(bytes: UnsafeRawBufferPointer) {
        self.init()
        guard let start = bytes.baseAddress else { return }
        __gmpz_import(pointer, bytes.count, 1, 1, 1, 0, start)
    }

    convenience init(_ secret: Secret) {
        self.init()
        secret.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            __gmpz_import(pointer, bytes.count, 1, 1, 1, 0, start)
        }
    }

    convenience init(_ bytes: [UInt8]) {
        self.init()
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            __gmpz_import(pointer, bytes.count, 1, 1, 1, 0, start)
        }
    }

    /// A random number below 2^bits; `bits` is a positive multiple of 64. The bytes go straight into its limbs, so
    /// that no other copy is made.
    convenience init(bits: Int, random: some RandomSource) throws(CryptoError) {
        self.init()
        let limbs = bits / Int(GMP_NUMB_BITS)
        guard let start = __gmpz_limbs_write(pointer, limbs) else { return }
        defer { __gmpz_limbs_finish(pointer, limbs) }
        // Limbs that were not written must still hold something when the number is finished.
        start.update(repeating: 0, count: limbs)
        try random.fill(UnsafeMutableRawBufferPointer(start: start, count: bits / 8))
    }

    deinit {
        __gmpz_clear(pointer)
        pointer.deallocate()
    }

    /// Significant bits; 0 for zero.
    var bitCount: Int { isZero ? 0 : __gmpz_sizeinbase(pointer, 2) }

    var isZero: Bool { compare(0) == 0 }

    var isOdd: Bool { __gmpz_tstbit(pointer, 0) == 1 }

    /// Negative, zero or positive as this is below, equal to or above `value`.
    func compare(_ value: UInt) -> Int32 { __gmpz_cmp_ui(pointer, value) }

    /// Negative, zero or positive as this is below, equal to or above `other`.
    func compare(_ other: BigInteger) -> Int32 { __gmpz_cmp(pointer, other.pointer) }

    /// A new integer computed by `body`.
    static func make(_ body: (UnsafeMutablePointer<__mpz_struct>) -> Void) -> BigInteger {
        let result = BigInteger()
        body(result.pointer)
        return result
    }

    static func + (a: BigInteger, b: UInt) -> BigInteger { make { __gmpz_add_ui($0, a.pointer, b) } }

    static func - (a: BigInteger, b: UInt) -> BigInteger { make { __gmpz_sub_ui($0, a.pointer, b) } }

    static func * (a: BigInteger, b: BigInteger) -> BigInteger { make { __gmpz_mul($0, a.pointer, b.pointer) } }

    /// Remainder; the caller assures that `modulus` is not zero.
    func remainder(_ modulus: BigInteger) -> BigInteger {
        Self.make { __gmpz_fdiv_r($0, pointer, modulus.pointer) }
    }

    /// The quotient if `divisor` is not zero and divides this exactly.
    func exactQuotient(_ divisor: BigInteger) -> BigInteger? {
        guard !divisor.isZero, __gmpz_divisible_p(pointer, divisor.pointer) != 0 else { return nil }
        return Self.make { __gmpz_divexact($0, pointer, divisor.pointer) }
    }

    /// |self - other|.
    func distance(_ other: BigInteger) -> BigInteger {
        Self.make {
            __gmpz_sub($0, pointer, other.pointer)
            if __gmpz_cmp_ui($0, 0) < 0 { __gmpz_sub($0, other.pointer, pointer) }
        }
    }

    func leastCommonMultiple(_ other: BigInteger) -> BigInteger {
        Self.make { __gmpz_lcm($0, pointer, other.pointer) }
    }

    /// The inverse modulo `modulus` (which is not zero), if there is one.
    func inverse(_ modulus: BigInteger) -> BigInteger? {
        let result = BigInteger()
        return __gmpz_invert(result.pointer, pointer, modulus.pointer) != 0 ? result : nil
    }

    /// Big-endian bytes with zeros in front up to `count`; an empty secret if they do not fit.
    func secret(count: Int) -> Secret {
        let size = (bitCount + 7) / 8
        guard size <= count else { return Secret(count: 0) }
        return Secret(count: count) { target in
            guard size > 0, let start = target.baseAddress else { return }
            __gmpz_export(start + (count - size), nil, 1, 1, 1, 0, pointer)
        }
    }
}
