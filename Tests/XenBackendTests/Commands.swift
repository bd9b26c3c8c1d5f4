import TPMCrypto
import TPMWire

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
