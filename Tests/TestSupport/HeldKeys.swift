import Dispatch
import TPMCrypto
import TPMEngine

/// Makes keys when a test lets it.
package struct HeldKeys: KeyPairSource {
    package let wasAsked = DispatchSemaphore(value: 0)
    package let mayGive = DispatchSemaphore(value: 0)
    private let generator = GeneratedKeyPairs(random: SystemRandom())

    package init() {}

    package func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        wasAsked.signal()
        mayGive.wait()
        return try generator.keyPair(bits: bits, exponent: exponent)
    }
}
