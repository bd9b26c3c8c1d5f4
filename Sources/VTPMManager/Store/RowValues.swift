import Foundation
import GRDB
import TPMCrypto

/// Why a row cannot be this program's.
struct RowError: Error {
    let what: String
    /// True when somebody must have changed it, who knows the format.
    let isForgery: Bool
}

/// The values of a row, whose types nothing but this checks: a file may hold anything.
extension Row {
    func integer(_ index: Int) throws -> Int64 {
        guard case .int64(let value) = (self[index] as DatabaseValue).storage else { throw mistyped(index) }
        return value
    }

    func text(_ index: Int) throws -> String {
        guard let text = try optionalText(index) else { throw mistyped(index) }
        return text
    }

    /// Nil for NULL.
    func optionalText(_ index: Int) throws -> String? {
        switch (self[index] as DatabaseValue).storage {
        case .string(let value): value
        case .null: nil
        default: throw mistyped(index)
        }
    }

    func bytes(_ index: Int) throws -> [UInt8] {
        guard let bytes = try optionalBytes(index) else { throw mistyped(index) }
        return bytes
    }

    /// Nil for NULL.
    func optionalBytes(_ index: Int) throws -> [UInt8]? {
        switch (self[index] as DatabaseValue).storage {
        case .blob(let value): [UInt8](value)
        case .null: nil
        default: throw mistyped(index)
        }
    }

    func uuid(_ index: Int) throws -> UUID {
        guard let uuid = UUID(bytes: try bytes(index)) else { throw mistyped(index) }
        return uuid
    }

    private func mistyped(_ index: Int) -> RowError {
        let names = Array(columnNames)
        return RowError(what: "a value of \(names.indices.contains(index) ? names[index] : "a row")", isForgery: false)
    }
}

/// The tables whose rows are summed up.
enum RowTag: UInt8 {
    case store = 1
    case group = 2
    case guest = 3
    case record = 4
    /// A record that was removed; its version goes on.
    case removed = 5
    case event = 6
}

extension ContentSum {
    /// The sum of one row: HMAC of the table, the UUID, a number (the kind of a record), the version and the SHA-256 of
    /// all else that it has.
    init(
        _ tag: RowTag, _ owner: UUID, number: UInt8 = 0, version: Int64, contents: [[UInt8]], _ keys: StoreKeys
    ) {
        var text: [UInt8] = []
        if let only = contents.first, contents.count == 1 {
            text = only
        } else {
            for part in contents { text += Int64(part.count).bytes + part }
        }
        self.init(
            code: SHA256.authenticate(
                key: keys.rows, [tag.rawValue, number] + owner.bytes + version.bytes + SHA256.hash(text)))
    }
}
