import TPMCrypto

/// The record as it lies in the TPM: a version, the number of its bytes, they themselves and zeros after them, and a
/// checksum, by which a write that the power cut short is noticed.
enum AnchorRecord {
    /// The size of the area in bytes, the same for each record so that it is written whole.
    static let areaSize = 2 + AnchorLimit.recordBytes + checksumSize

    private static let version: UInt8 = 1
    private static let checksumSize = 16

    static func encode(_ bytes: [UInt8]) throws(AnchorError) -> [UInt8] {
        guard bytes.count <= AnchorLimit.recordBytes else {
            throw .unfit("A record of \(bytes.count) bytes is too long: it has at most \(AnchorLimit.recordBytes).")
        }
        let padding = [UInt8](repeating: 0, count: AnchorLimit.recordBytes - bytes.count)
        let body = [version, UInt8(clamping: bytes.count)] + bytes + padding
        return body + SHA256.hash(body).prefix(checksumSize)
    }

    static func decode(_ area: [UInt8]) throws(AnchorError) -> [UInt8] {
        guard area.count == areaSize else { throw .damaged("The TPM's record has \(area.count) bytes.") }
        let body = area.dropLast(checksumSize)
        guard SHA256.hash(body).prefix(checksumSize) == area.suffix(checksumSize) else {
            throw .damaged("The TPM's record was not written by an anchor, or not to its end: its checksum is wrong.")
        }
        guard area[0] == version, Int(area[1]) <= AnchorLimit.recordBytes else {
            throw .damaged("The TPM's record is of a later version of this program.")
        }
        return Array(area[2..<2 + Int(area[1])])
    }
}
