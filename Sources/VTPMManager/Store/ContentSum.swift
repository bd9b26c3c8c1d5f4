import TPMCrypto

/// A sum modulo 2^256 of the codes of rows (an additive multiset hash): whatever the order in which rows came and went,
/// the sum is that of the rows that are there.
///
/// The codes are HMACs under a key that the disk does not have, and neither they nor the sum are ever written: who saw
/// many of them could look for other rows of the same sum (Wagner's generalised birthday problem). What is written is
/// an HMAC of the sum.
struct ContentSum: Equatable, Sendable {
    /// Least significant word first.
    private var words = InlineWords()

    private struct InlineWords: Equatable, Sendable {
        var a: UInt64 = 0
        var b: UInt64 = 0
        var c: UInt64 = 0
        var d: UInt64 = 0
    }

    /// The sum of no rows.
    init() {}

    /// The sum of one row, whose code has 32 bytes; bytes that are missing count as zero.
    init(code: [UInt8]) {
        func word(_ index: Int) -> UInt64 {
            code.dropFirst(8 * index).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        (words.a, words.b, words.c, words.d) = (word(0), word(1), word(2), word(3))
    }

    /// 32 bytes, least significant first.
    var bytes: [UInt8] {
        [words.a, words.b, words.c, words.d].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
    }

    static func += (sum: inout ContentSum, other: ContentSum) {
        var carry: UInt64 = 0
        func add(_ a: UInt64, _ b: UInt64) -> UInt64 {
            let (partial, first) = a.addingReportingOverflow(b)
            let (result, second) = partial.addingReportingOverflow(carry)
            carry = first || second ? 1 : 0
            return result
        }
        sum.words.a = add(sum.words.a, other.words.a)
        sum.words.b = add(sum.words.b, other.words.b)
        sum.words.c = add(sum.words.c, other.words.c)
        sum.words.d = add(sum.words.d, other.words.d)
    }

    static func -= (sum: inout ContentSum, other: ContentSum) {
        // What makes zero with a number is one more than its complement.
        var complement = ContentSum()
        complement.words = InlineWords(a: ~other.words.a, b: ~other.words.b, c: ~other.words.c, d: ~other.words.d)
        sum += complement
        sum += one
    }

    private static let one = ContentSum(code: [1])
}
