// Commands as bytes, for tests of what carries them.

/// TPM_PCRRead of register 10: it changes nothing.
package let pcrRead: [UInt8] = [0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 10]

/// TPM_CreateEndorsementKeyPair of an RSA key of 2048 bits.
package let createEndorsementKeyPair: [UInt8] =
    [0, 0xc1, 0, 0, 0, 54, 0, 0, 0, 0x78] + [UInt8](repeating: 5, count: 20)
    + [0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 0]

/// TPM_Extend of register 10 with a digest of one repeated byte.
package func extend(_ byte: UInt8) -> [UInt8] {
    [0, 0xc1, 0, 0, 0, 34, 0, 0, 0, 0x14, 0, 0, 0, 10] + [UInt8](repeating: byte, count: 20)
}
