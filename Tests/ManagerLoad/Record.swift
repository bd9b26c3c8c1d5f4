import Foundation
import Glibc

/// What a place must hold: at least the number whose write was answered last, and at most the one that was sent last.
/// Both stand in a file, changed by one system call, which outlives this process as it was at any moment.
final class Record {
    private(set) var sent: UInt64
    private(set) var answered: UInt64
    private let path: String
    private let file: Int32

    /// Opens what was remembered, or begins with a number.
    init(path: String, beginningWith number: UInt64? = nil) throws {
        self.path = path
        if let number {
            (sent, answered) = (number, number)
        } else {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
            guard numbers.count == 2 else { throw LoadFailure("\(path): not two numbers") }
            (sent, answered) = (numbers[0], numbers[1])
        }
        file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LoadFailure("\(path): \(String(cString: strerror(errno)))") }
        try keep()
    }

    deinit { close(file) }

    /// The number is about to be sent.
    func willSend(_ number: UInt64) throws {
        sent = number
        try keep()
    }

    /// The number is in the TPM for good.
    func isKept(_ number: UInt64) throws {
        (sent, answered) = (number, number)
        try keep()
    }

    /// - Throws: when the number that the place holds is none of those that it may hold.
    func check(_ number: UInt64, in place: Place, of guest: String) throws {
        guard (answered...sent).contains(number) else {
            throw LoadFailure("LOST \(place.rawValue) of \(guest): \(number), not \(answered) to \(sent)")
        }
    }

    private func keep() throws {
        let line = Array(String(format: "%20llu %20llu\n", sent, answered).utf8)
        guard pwrite(file, line, line.count, 0) == line.count else {
            throw LoadFailure("\(path): \(String(cString: strerror(errno)))")
        }
    }
}
