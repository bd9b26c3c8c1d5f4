import Dispatch
import SimulatedXen
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

/// TPM_PCRRead of register 10: it changes nothing.
let pcrRead: [UInt8] = [0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 10]

/// TPM_Extend of register 10 with a digest of one repeated byte.
func extend(_ byte: UInt8) -> [UInt8] {
    [0, 0xc1, 0, 0, 0, 34, 0, 0, 0, 0x14, 0, 0, 0, 10] + [UInt8](repeating: byte, count: 20)
}

/// TPM_CreateEndorsementKeyPair of an RSA key of 2048 bits.
let createEndorsementKeyPair: [UInt8] =
    [0, 0xc1, 0, 0, 0, 54, 0, 0, 0, 0x78] + [UInt8](repeating: 5, count: 20)
    + [0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 0]

/// TPM_ReadPubek.
let readPubek: [UInt8] = [0, 0xc1, 0, 0, 0, 30, 0, 0, 0, 0x7c] + [UInt8](repeating: 5, count: 20)

/// TPM_PCR_Reset of register 21, which locality 2 may reset and locality 0 may not.
let resetForLocality2: [UInt8] = [0, 0xc1, 0, 0, 0, 15, 0, 0, 0, 0xc8, 0, 3, 0, 0, 0x20]

func result(_ answer: [UInt8]?) -> TPMResult? {
    guard let answer, answer.count >= 10 else { return nil }
    return TPMResult(rawValue: UInt32(bigEndian: answer[6..<10]))
}

/// True for bytes that are a TPM's answer: a tag, their own number, and a result.
func isAnswer(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 10, bytes[0] == 0, (0xc4...0xc6).contains(bytes[1]) else { return false }
    return UInt32(bigEndian: bytes[2..<6]) == UInt32(bytes.count)
}

extension UInt32 {
    /// Four bytes, the first of which counts most.
    init(bigEndian bytes: ArraySlice<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt32($1) } }
}

/// Makes keys when a test lets it.
struct HeldKeys: KeyPairSource {
    let wasAsked = DispatchSemaphore(value: 0)
    let mayGive = DispatchSemaphore(value: 0)
    private let generator = GeneratedKeyPairs(random: SystemRandom())

    func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        wasAsked.signal()
        mayGive.wait()
        return try generator.keyPair(bits: bits, exponent: exponent)
    }
}
