import TPMCrypto
import TPMEngine

public struct StateCipherError: Error, CustomStringConvertible { public let description: String }
public struct StateCipher: Sendable {
    func seal(_ plain: Secret) throws(StateCipherError) -> Secret { plain }
    static func open(_ bytes: [UInt8], with cipher: StateCipher?) throws(StateCipherError) -> Secret { Secret(bytes) }
}
extension TPMState {
    func serialisedPermanent() throws(StateFormatError) -> Secret { try serialised() }
    init(permanent: Secret) throws(StateFormatError) { try self.init(serialised: permanent.bytes) }
    func serialisedSaved() throws(StateFormatError) -> Secret? { nil }
    mutating func restoreSaved(_ s: Secret) throws(StateFormatError) {}
}
extension TPM {
    func serialisedVolatile(at: UInt64) throws(StateFormatError) -> Secret { Secret(count: 1) }
    mutating func restoreVolatile(_ s: Secret, at: UInt64) throws(StateFormatError) {}
}
extension StateBlob { func check(_ b: Secret) throws(StateFormatError) {} }
