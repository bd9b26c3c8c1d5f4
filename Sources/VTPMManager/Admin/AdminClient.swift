import Foundation

/// Why a call did not succeed.
public enum AdminClientError: Error, Equatable, CustomStringConvertible {
    /// Nobody answered, or nothing that can be understood.
    case unreachable(String)
    /// The manager refused or failed.
    case refused(ManagerError)

    public var description: String {
        switch self {
        case .unreachable(let sentence): sentence
        case .refused(let error): error.description
        }
    }
}

/// The calls of ``ManagerCommands`` from another process, through the admin socket. Each is a connection, and blocks.
public struct AdminClient: Sendable {
    /// Where the manager listens when nobody says otherwise.
    public static let standardSocket = ManagerConfiguration.Admin().socket

    private let socket: String

    /// - Parameter socket: the path of the admin socket.
    public init(socket: String = standardSocket) { self.socket = socket }

    public func status() throws(AdminClientError) -> ManagerStatus { try get("status") }

    public func hostPCRs(_ indices: [Int]) throws(AdminClientError) -> PCRReport {
        try get("pcrs?select=" + indices.map(String.init).joined(separator: ","))
    }

    public func quotingKey() throws(AdminClientError) -> PublicKeyReport { try get("quoting-key") }

    /// What a monitoring system reads: Prometheus' text format.
    public func metrics() throws(AdminClientError) -> String {
        String(decoding: try exchange("GET", "/metrics"), as: UTF8.self)
    }

    // MARK: Groups

    public func groups() throws(AdminClientError) -> [GroupReport] { try get("groups") }
    public func group(_ name: String) throws(AdminClientError) -> GroupReport { try get("groups/\(Self.part(name))") }
    public func createGroup(_ request: GroupRequest) throws(AdminClientError) -> GroupReport {
        try post("groups", request)
    }
    public func deleteGroup(_ name: String) throws(AdminClientError) { try delete("groups/\(Self.part(name))") }
    public func approvals(of group: String) throws(AdminClientError) -> ApprovalList {
        try get("groups/\(Self.part(group))/approval")
    }
    public func approve(_ approval: SignedApproval, for group: String) throws(AdminClientError) -> GroupReport {
        try post("groups/\(Self.part(group))/approval", approval)
    }

    // MARK: Guests

    public func guests() throws(AdminClientError) -> [GuestReport] { try get("guests") }
    public func guest(_ guest: String) throws(AdminClientError) -> GuestReport {
        try get("guests/\(Self.part(guest))")
    }
    public func createGuest(_ request: GuestRequest) throws(AdminClientError) -> GuestReport {
        try post("guests", request)
    }
    public func startGuest(_ guest: String) throws(AdminClientError) -> GuestReport { try change(guest, "start") }
    public func stopGuest(_ guest: String) throws(AdminClientError) -> GuestReport { try change(guest, "stop") }
    public func suspendGuest(_ guest: String) throws(AdminClientError) -> GuestReport { try change(guest, "suspend") }
    public func resumeGuest(_ guest: String) throws(AdminClientError) -> GuestReport { try change(guest, "resume") }
    public func destroyGuest(_ guest: String) throws(AdminClientError) { try delete("guests/\(Self.part(guest))") }
    public func events(of guest: String) throws(AdminClientError) -> [EventReport] {
        try get("guests/\(Self.part(guest))/events")
    }
    public func quotingKey(of guest: String) throws(AdminClientError) -> PublicKeyReport {
        try get("guests/\(Self.part(guest))/quoting-key")
    }
    public func deepQuote(of guest: String, _ request: DeepQuoteRequest) throws(AdminClientError) -> DeepQuote {
        try post("guests/\(Self.part(guest))/quote", request)
    }

    // MARK: Requests

    private func change(_ guest: String, _ verb: String) throws(AdminClientError) -> GuestReport {
        try decode(try exchange("POST", "/v1/guests/\(Self.part(guest))/\(verb)"))
    }

    private func get<Answer: Decodable>(_ path: String) throws(AdminClientError) -> Answer {
        try decode(try exchange("GET", "/v1/\(path)"))
    }

    private func post<Answer: Decodable>(_ path: String, _ value: some Encodable) throws(AdminClientError) -> Answer {
        guard let body = try? AdminJSON.encode(value) else {
            throw .unreachable("The request cannot be written as JSON.")
        }
        return try decode(try exchange("POST", "/v1/\(path)", body))
    }

    private func delete(_ path: String) throws(AdminClientError) { _ = try exchange("DELETE", "/v1/\(path)") }

    /// A name as it stands in a path.
    private static func part(_ name: String) -> String {
        name.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// RFC 3986, 2.3.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    private func decode<Answer: Decodable>(_ body: [UInt8]) throws(AdminClientError) -> Answer {
        do throws(ManagerError) {
            return try AdminJSON.decode(Answer.self, from: body)
        } catch {
            throw .unreachable("What answers at \(socket) is no manager of this version: \(error)")
        }
    }

    /// Sends a request; returns the body of the answer.
    private func exchange(
        _ method: String, _ target: String, _ body: [UInt8] = []
    ) throws(AdminClientError) -> [UInt8] {
        let (status, content) = try AdminExchange(method, target, body).run(at: socket)
        guard !(200...299).contains(status) else { return content }
        guard let error = try? AdminJSON.decode(ManagerError.self, from: content) else {
            throw .unreachable("What answers at \(socket) is no manager: it says \(status).")
        }
        throw .refused(error)
    }
}
