import TPMCrypto
import TPMEngine

public struct StateCipherError: Error, CustomStringConvertible { public let description: String }
public struct StateCipher: Sendable {
    func seal(_ plain: Secret) throws(StateCipherError) -> Secret { plain }
    static func open(_ bytes: [UInt8], with cipher: StateCipher?) throws(StateCipherError) -> Secret { Secret(bytes) }
}
