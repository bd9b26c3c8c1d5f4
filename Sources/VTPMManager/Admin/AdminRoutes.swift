import Foundation

/// The requests of the admin socket, each answered by one of ``ManagerCommands``.
struct AdminRoutes: Sendable {
    /// A request and the manager that it is for.
    private struct Call {
        let commands: any ManagerCommands
        let request: AdminRequest
        /// What stands in the path for the route's star.
        let name: String

        func body<Value: Decodable>(_ type: Value.Type) throws(ManagerError) -> Value {
            try AdminJSON.decodeRequest(type, from: request.body)
        }
    }

    private struct Route: Sendable {
        let method: String
        /// The parts between the slashes; a star stands for any.
        let pattern: [String]
        let status: Int
        let answer: @Sendable (Call) throws -> any Encodable

        init(
            _ method: String, _ pattern: String, status: Int = 200,
            _ answer: @escaping @Sendable (Call) throws -> any Encodable
        ) {
            self.method = method
            self.pattern = pattern.split(separator: "/").map(String.init)
            self.status = status
            self.answer = answer
        }

        func matches(_ path: [String]) -> Bool {
            path.count == pattern.count && zip(path, pattern).allSatisfy { $1 == "*" ? !$0.isEmpty : $0 == $1 }
        }
    }

    private static let routes = [
        Route("GET", "/v1/status") { $0.commands.status() },
        Route("GET", "/metrics") { MetricsText($0.commands.metrics()) },
        Route("GET", "/v1/quoting-key") { try $0.commands.quotingKey() },
        Route("GET", "/v1/pcrs") { try $0.commands.hostPCRs(try selection(of: $0.request)) },

        Route("GET", "/v1/groups") { try $0.commands.groups() },
        Route("POST", "/v1/groups", status: 201) { try $0.commands.createGroup(try $0.body(GroupRequest.self)) },
        Route("GET", "/v1/groups/*") { try $0.commands.group($0.name) },
        Route("DELETE", "/v1/groups/*", status: 204) { call in
            try call.commands.deleteGroup(call.name)
            return NoContent()
        },
        Route("GET", "/v1/groups/*/approval") { try $0.commands.approvals(of: $0.name) },
        Route("POST", "/v1/groups/*/approval") { call in
            try call.commands.approve(try call.body(SignedApproval.self), for: call.name)
        },

        Route("GET", "/v1/guests") { try $0.commands.guests() },
        Route("POST", "/v1/guests", status: 201) { try $0.commands.createGuest(try $0.body(GuestRequest.self)) },
        Route("GET", "/v1/guests/*") { try $0.commands.guest($0.name) },
        Route("DELETE", "/v1/guests/*", status: 204) { call in
            try call.commands.destroyGuest(call.name)
            return NoContent()
        },
        Route("POST", "/v1/guests/*/start") { try $0.commands.startGuest($0.name) },
        Route("POST", "/v1/guests/*/stop") { try $0.commands.stopGuest($0.name) },
        Route("POST", "/v1/guests/*/suspend") { try $0.commands.suspendGuest($0.name) },
        Route("POST", "/v1/guests/*/resume") { try $0.commands.resumeGuest($0.name) },
        Route("GET", "/v1/guests/*/events") { try $0.commands.events(of: $0.name) },
        Route("GET", "/v1/guests/*/quoting-key") { try $0.commands.quotingKey(of: $0.name) },
        Route("POST", "/v1/guests/*/quote") { call in
            try call.commands.deepQuote(of: call.name, try call.body(DeepQuoteRequest.self))
        },
    ]

    private struct NoContent: Encodable {}

    let commands: any ManagerCommands

    /// True for requests that look at the manager's memory alone: a TPM that hangs must not keep an operator from asking
    /// what is wrong.
    static func isQuick(_ request: AdminRequest) -> Bool {
        request.path == ["v1", "status"] || request.path == ["metrics"]
    }

    /// Does what is asked; it may block as long as a call of ``ManagerCommands``.
    func answer(_ request: AdminRequest) -> AdminResponse {
        let matching = Self.routes.filter { $0.matches(request.path) }
        guard !matching.isEmpty else {
            return Self.failure(
                404, ManagerError(.notFound, "There is no such resource: Docs/vtpm-manager.md lists all."))
        }
        guard let route = matching.first(where: { $0.method == request.method }) else {
            let methods = matching.map(\.method)
            let sentence =
                "This resource takes \(methods.joined(separator: " and ")), not \(request.method.prefix(20))."
            var response = Self.failure(405, ManagerError(.invalid, sentence))
            response.allowed = methods
            response.leavesOutBody = request.method == "HEAD"
            return response
        }
        let star = route.pattern.firstIndex(of: "*")
        do {
            let answer = try route.answer(
                Call(commands: commands, request: request, name: star.map { request.path[$0] } ?? ""))
            return try Self.success(route.status, answer)
        } catch let error as ManagerError {
            return Self.failure(error.status, error)
        } catch {
            return Self.failure(500, ManagerError(.failed, "\(error)"))
        }
    }

    /// The answer to bytes that are no request.
    static func answer(_ error: AdminRequestError) -> AdminResponse {
        failure(error.status, ManagerError(.invalid, error.sentence))
    }

    private static func success(_ status: Int, _ answer: any Encodable) throws -> AdminResponse {
        switch answer {
        case is NoContent: return AdminResponse(status: status)
        case let metrics as MetricsText:
            return AdminResponse(status: status, contentType: MetricsText.contentType, body: Array(metrics.text.utf8))
        default: return AdminResponse(status: status, body: try AdminJSON.encode(answer))
        }
    }

    private static func failure(_ status: Int, _ error: ManagerError) -> AdminResponse {
        AdminResponse(status: status, body: (try? AdminJSON.encode(error)) ?? [])
    }

    private static func selection(of request: AdminRequest) throws(ManagerError) -> [Int] {
        guard let text = request.query["select"], let selection = PCRSelection(text) else {
            throw ManagerError(.invalid, "Say which PCRs, 0 to 23: /v1/pcrs?select=0,2,4-7")
        }
        return selection.indices
    }
}

extension ManagerError {
    /// That of HTTP.
    var status: Int {
        switch kind {
        case .notFound: 404
        case .conflict: 409
        case .invalid: 400
        case .notApproved: 403
        case .hardware, .store: 503
        case .failed: 500
        }
    }
}
