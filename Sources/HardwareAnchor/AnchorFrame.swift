import TPMCrypto
import TPMWire

/// The form in which what an anchor gives away is kept: four letters that say what it is and in which version, the
/// structure, and 32 bytes of checksum over both. The checksum tells damage from what does not belong here; it keeps no
/// attacker off.
enum AnchorFrame: String {
    case material = "vAM1"
    case sealed = "vAS1"
    case quote = "vAQ1"
    case receivingKey = "vAK1"

    /// Larger than anything that an anchor writes.
    private static let maximumSize = 64 << 10

    func wrap(_ value: some WireStructure) throws(AnchorError) -> Secret {
        do {
            let body = Secret(joining: Secret(Array(rawValue.utf8)), try value.encodedSecret(reserving: 8192))
            return Secret(joining: body, Secret(SHA256.hash(body)))
        } catch {
            throw .unfit("The \(name) is too large to be written.")
        }
    }

    /// - Throws: ``AnchorError/damaged(_:)``.
    func unwrap<T: WireStructure>(_ bytes: Secret, as type: T.Type = T.self) throws(AnchorError) -> T {
        let letters = Secret(Array(rawValue.utf8))
        guard (letters.count + SHA256.byteCount...Self.maximumSize).contains(bytes.count) else {
            throw .damaged("The \(name) has \(bytes.count) bytes, which is no size of one.")
        }
        guard bytes.part(0..<letters.count) == letters else {
            throw .damaged("The \(name) is none, or of a later version of this program.")
        }
        let end = bytes.count - SHA256.byteCount
        guard Secret(SHA256.hash(bytes.part(0..<end))) == bytes.part(end..<bytes.count) else {
            throw .damaged("The \(name) was changed: its checksum is wrong.")
        }
        do { return try WireDecoder.decode(T.self, from: bytes.part(letters.count..<end)) } catch {
            throw .damaged("The \(name) does not decode.")
        }
    }

    private var name: String {
        switch self {
        case .material: "anchor's material"
        case .sealed: "sealed secret"
        case .quote: "quote"
        case .receivingKey: "receiving key"
        }
    }
}

extension Secret {
    init(joining first: Secret, _ second: Secret) {
        self.init(count: first.count + second.count) { target in
            first.withUnsafeBytes { target.copyMemory(from: $0) }
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[first.count...])
            second.withUnsafeBytes { rest.copyMemory(from: $0) }
        }
    }

    /// A copy of a range that is there.
    func part(_ range: Range<Int>) -> Secret {
        withUnsafeBytes { Secret(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}
