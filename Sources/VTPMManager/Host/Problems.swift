import Foundation
import Logging
import Synchronization

/// What does not work now, for the operator's status. Each change is logged, once.
final class Problems: Sendable {
    enum Subject: Hashable {
        case hardware
        case checkpoint
        case store
        case group(UUID)
        case guest(UUID)
    }

    private let logger: Logger
    private let sentences = Mutex<[Subject: String]>([:])

    init(_ logger: Logger) { self.logger = logger }

    /// Remembers what is wrong, in place of what was wrong with the subject before. False when that was the same.
    @discardableResult
    func note(_ subject: Subject, _ sentence: String) -> Bool {
        let isNews = sentences.withLock { sentences in
            defer { sentences[subject] = sentence }
            return sentences[subject] != sentence
        }
        if isNews { logger.error("\(sentence)") }
        return isNews
    }

    func solve(_ subject: Subject) {
        guard let sentence = sentences.withLock({ $0.removeValue(forKey: subject) }) else { return }
        logger.notice("No longer: \(sentence)")
    }

    /// Forgets what was wrong with something that is no more.
    func forget(_ subject: Subject) { sentences.withLock { $0[subject] = nil } }

    func has(_ subject: Subject) -> Bool { sentences.withLock { $0[subject] != nil } }

    subscript(subject: Subject) -> String? { sentences.withLock { $0[subject] } }

    /// All sentences, sorted; a problem of the host is one that is not of a guest or a group.
    var all: [String] { sentences.withLock { Set($0.values).sorted() } }
}
