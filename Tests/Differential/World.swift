import TPMClient
import TPMCrypto
import TPMWire

/// What a random sequence has made so far, from which its next commands take what they need.
final class World {
    /// Keys that are loaded.
    var keys: [LoadedKey] = []
    var sealed: [Both<SealedBlob>] = []
    /// OIAP sessions for ``Pair/keyAuth`` that were kept open.
    var sessions: [Both<Session>] = []
    var contexts: [(blob: Both<ContextBlob?>, type: ResourceType, handle: Both<UInt32>)] = []
    /// NV areas that were defined.
    var areas: [UInt32] = []
    /// What later chapters made, by a name of theirs.
    var things: [String: Any] = [:]
    private(set) var random: Dice

    init(_ random: Dice) { self.random = random }

    func roll(_ sides: Int) -> Int { Int.random(in: 0..<max(1, sides), using: &random) }
    func chance(oneIn sides: Int) -> Bool { roll(sides) == 0 }
    func pick<T>(_ values: [T]) -> T? { values.isEmpty ? nil : values[roll(values.count)] }
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(roll(256)) } }
    func digest() -> Digest { Digest(bytes(20)) ?? .zero }

    /// A key of one of these usages.
    func key(_ usages: KeyUsage...) -> LoadedKey? { pick(keys.filter { usages.contains($0.usage) }) }
}

/// A generator whose numbers follow from its seed (SplitMix64).
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
