import TPMCrypto
import TPMEngine
import TPMWire

/// The command with which a driver, and no TPM, is told at which locality the following commands arrive: an ordinal of
/// the Linux kernel's vTPM proxy (linux/vtpm_proxy.h) with one byte of locality.
enum SetLocality {
    private static let ordinal: UInt32 = 0x2000_1000
    private static let size = 11

    /// The answer to such a command, after `set` took the locality or refused it; nil for any other command.
    static func answer(_ command: [UInt8], _ set: (Locality) -> Bool) -> [UInt8]? {
        guard command.count == size, UInt32(bigEndian: command[6..<10]) == ordinal else { return nil }
        guard let locality = Locality(rawValue: command[10]), set(locality) else { return TPM.failure(.badLocality) }
        return TPM.failure(.success)
    }
}
