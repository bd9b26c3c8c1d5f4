import Glibc
import TPMServer

extension SwtpmConfiguration.Endpoint {
    private static let ports = 0...65535

    /// A TCP port of this machine alone.
    init(localPort text: String, _ what: String) throws(SwtpmError) {
        let port = try SubOptions.number(text, what, in: Self.ports)
        self = .address(.tcp(host: "127.0.0.1", port: UInt16(port)), .init())
    }

    /// What --server and --ctrl say.
    ///
    /// - Parameters:
    ///   - standardType: that of an option without type=.
    ///   - standardPort: that of type=tcp without port= and fd=.
    init(_ options: SubOptions, standardType: String? = nil, standardPort: String? = nil) throws(SwtpmError) {
        let type = try options.choice("type", ["tcp": "tcp", "unixio": "unixio"])
        guard let type = type ?? standardType else {
            throw SwtpmError("\(options.option): say type=unixio or type=tcp.")
        }
        let isUnix = type == "unixio"
        let ofUnix = ["path", "mode", "uid", "gid"]
        let ofTCP = ["port", "bindaddr", "ifname"]
        try options.refuse(isUnix ? ofTCP : ofUnix + ["clientfd"], beside: "type=\(type)")
        _ = try options.only(of: [isUnix ? "path" : "port", "fd", "clientfd"])
        if let descriptor = try options.descriptor("fd", "clientfd") {
            try options.refuse(ofUnix + ofTCP, beside: "an open socket")
            self = .descriptor(descriptor)
        } else {
            self = try isUnix ? Self.unix(options) : Self.tcp(options, standardPort)
        }
    }

    private static func unix(_ options: SubOptions) throws(SwtpmError) -> Self {
        guard let path = options["path"] else {
            throw SwtpmError("\(options.option): type=unixio needs path=PATH or the number of an open socket.")
        }
        var access = SwtpmConfiguration.FileAccess()
        if let mode = try options.mode("mode") { access.mode = mode }
        access.user = options["uid"]
        access.group = options["gid"]
        return .address(.unix(path: path), access)
    }

    private static func tcp(_ options: SubOptions, _ standardPort: String?) throws(SwtpmError) -> Self {
        var port = try options.number("port", in: ports)
        if port == nil, let standardPort { port = try SubOptions.number(standardPort, "TPM_PORT", in: ports) }
        guard let port else {
            throw SwtpmError("\(options.option): type=tcp needs port=N or the number of an open socket.")
        }
        var host = options["bindaddr"] ?? "127.0.0.1"
        let isIPv6 = isAddress(host, AF_INET6)
        guard isIPv6 || isAddress(host, AF_INET) else {
            throw SwtpmError("\(options.option): 'bindaddr=\(host)' is no IPv4 or IPv6 address.")
        }
        if let interface = options["ifname"] {
            guard isIPv6 else { throw SwtpmError("\(options.option): 'ifname' is for an IPv6 address; there is none.") }
            host += "%\(interface)"
        }
        return .address(.tcp(host: host, port: UInt16(port)), .init())
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var address = in6_addr()
        return inet_pton(family, text, &address) == 1
    }
}
