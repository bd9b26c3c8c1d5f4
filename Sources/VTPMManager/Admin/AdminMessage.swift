import Foundation

/// A request of HTTP, as far as the admin socket looks at it.
struct AdminRequest: Sendable, Equatable {
    static let maximumBody = 1 << 20

    var method: String
    /// The parts between the slashes, decoded.
    var path: [String]
    /// What stands behind the question mark, decoded.
    var query: [String: String] = [:]
    var body: [UInt8] = []
}

/// A response. It is the last of its connection.
struct AdminResponse: Sendable, Equatable {
    static let json = "application/json"

    var status: Int
    var contentType = json
    /// The methods that there are instead, with status 405.
    var allowed: [String] = []
    var body: [UInt8] = []
    /// True for an answer to HEAD.
    var leavesOutBody = false
}

/// Why something is no request that can be used: a status of HTTP and a sentence.
struct AdminRequestError: Error, Equatable {
    var status = 400
    var sentence: String
}

extension AdminRequest {
    /// - Parameter target: a path and, after a question mark, names and values.
    init(method: String, target: String) throws(AdminRequestError) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, path.first == "/" else {
            throw AdminRequestError(sentence: "The target of a request begins with a slash.")
        }
        var segments: [String] = []
        for segment in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            segments.append(try Self.decode(segment))
        }
        self.init(method: method, path: segments)
        guard parts.count == 2 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(sides[0])
            let value = sides.count == 2 ? try Self.decode(sides[1]) : ""
            guard query.updateValue(value, forKey: name) == nil else {
                throw AdminRequestError(sentence: "The target has '\(name)' twice.")
            }
        }
    }

    private static func decode(_ text: Substring) throws(AdminRequestError) -> String {
        guard let decoded = text.removingPercentEncoding, !decoded.utf8.contains(0) else {
            throw AdminRequestError(sentence: "The target has a percent sign that stands for nothing.")
        }
        return decoded
    }
}
