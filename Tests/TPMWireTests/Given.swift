import TPMCrypto

@testable import TPMWire

/// Operands that many commands have, and the bytes that they are.
enum Given {
    /// TPM_KEY_PARMS: RSA, OAEP, no signature, 12 bytes of parameters: 2048 bits, 2 primes, no exponent.
    static let parmsBytes = "00000001 0003 0001 0000000c 00000800 00000002 00000000"
    static let parms = KeyParms(
        algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none, parms: .rsa(RSAKeyParms()))

    static let pubkeyBytes = parmsBytes + "00000002 aabb"
    static let pubkey = Pubkey(algorithmParms: parms, pubKey: StorePubkey(key: [0xaa, 0xbb]))

    /// Form, storage, no flags, always, parameters, no PCR info, a modulus of 2 bytes, 1 byte of encData.
    static let key11Bytes = "01010000 0011 00000000 01" + parmsBytes + "00000000 00000002 aabb 00000001 ee"
    static let key12Bytes = "00280000 0011 00000000 01" + parmsBytes + "00000000 00000002 aabb 00000001 ee"

    static func key(_ form: Key.Form) -> Key {
        Key(
            form: form, keyUsage: .storage, keyFlags: [], authDataUsage: .always, algorithmParms: parms,
            pcrInfo: .none, pubKey: StorePubkey(key: [0xaa, 0xbb]), encData: [0xee])
    }

    static let handle = KeyHandle(rawValue: 0x0102_0304)
    static let handleBytes = "01020304"
    static let nonce = Digest(repeating: 0x5a)
    static let nonceBytes = repeated("5a", 20)
    static let auth = Secret([UInt8](repeating: 0xa7, count: 20))
    static let authBytes = repeated("a7", 20)

    /// Of the PCRs 0 and 10.
    static let selection = PCRSelection(indices: [0, 10])
    static let selectionBytes = "0003 010400"
    static let infoShort = PCRInfoShort(
        pcrSelection: selection, localityAtRelease: [.zero, .four], digestAtRelease: Digest(repeating: 0xd1))
    static let infoShortBytes = selectionBytes + "11" + repeated("d1", 20)
}
