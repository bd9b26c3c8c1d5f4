import Foundation
import HardwareAnchor
import TPMCrypto
import Testing

@testable import VTPMManager

@Suite struct ManagerConfigurationTests {
    private let home: TemporaryDirectory
    private let path: String

    init() throws {
        home = try TemporaryDirectory()
        path = "\(home.path)/manager.toml"
    }

    private func read(_ text: String, devices: [String] = []) throws -> ManagerConfiguration {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return try ManagerConfiguration(reading: path, standard: "/nowhere", exists: devices.contains)
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "it was not refused"
        } catch {
            return "\(error)"
        }
    }

    private func refusal(of text: String) -> String { refusal { _ = try read(text) } }

    @Test func withoutAFileEverythingIsAsUsual() throws {
        let configuration = try ManagerConfiguration(reading: nil, standard: path) { _ in false }
        #expect(configuration.directory == "/var/lib/vtpm")
        #expect(configuration.anchor.address == .software(directory: "/var/lib/vtpm/anchor"))
        #expect(configuration.anchor.options.timeout == .seconds(30))
        #expect(!configuration.anchor.options.isOnlyUser)
        #expect(configuration.anchor.options.storageRootKey == .wellKnown)
        #expect(configuration.admin == .init(socket: "/run/vtpm/manager.sock", mode: 0o600, group: nil))
        #expect(
            configuration.guests
                == .init(sockets: "/run/vtpm/guests", mode: 0o600, group: nil, user: "nobody", threads: 0))
        #expect(configuration.checkpoint.interval == .seconds(600))
        #expect(configuration.keys.pool == 16)
        #expect(configuration.log == .init(level: .info, format: .text))
        let empty = try read("")
        #expect(empty.directory == configuration.directory && empty.guests == configuration.guests)
    }

    @Test func everyKeyIsTaken() throws {
        try Data("open sesame\nmore\n".utf8).write(to: URL(fileURLWithPath: "\(home.path)/srk"))
        let configuration = try read(
            """
            directory = "/srv/vtpm"
            [anchor]
            address = "tpm1.2:/dev/tpm1"
            only-user = true
            timeout = 60
            storage-root-key-file = "\(home.path)/srk"
            [admin]
            socket = "/run/a.sock"
            mode = "0660"
            group = "daemon"
            [guests]
            sockets = "/run/g"
            mode = "0640"
            group = "4"
            user = "daemon"
            threads = 3
            [checkpoint]
            interval = 86400
            [keys]
            pool = 0
            [xen]
            enabled = true
            unknown = "refuse"
            group = "domains"
            measure = true
            [log]
            level = "debug"
            format = "json"
            """)
        #expect(configuration.directory == "/srv/vtpm")
        #expect(configuration.anchor.address == (try AnchorAddress("tpm1.2:/dev/tpm1")))
        #expect(configuration.anchor.options.isOnlyUser)
        #expect(configuration.anchor.options.timeout == .seconds(60))
        #expect(configuration.anchor.options.storageRootKey == .passphrase(Secret(Array("open sesame".utf8))))
        #expect(configuration.admin == .init(socket: "/run/a.sock", mode: 0o660, group: 1))
        #expect(configuration.admin.permissions == .init(mode: 0o660, group: 1))
        #expect(
            configuration.guests == .init(sockets: "/run/g", mode: 0o640, group: 4, user: "daemon", threads: 3))
        #expect(configuration.checkpoint.interval == .seconds(86400))
        #expect(configuration.keys.pool == 0)
        #expect(
            configuration.xen == .init(isEnabled: true, unknown: .refuse, group: "domains", measures: true))
        #expect(configuration.log == .init(level: .debug, format: .json))
    }

    @Test func theAnchorIsTheTPMThatTheMachineHas() throws {
        #expect(
            try read("", devices: ["/dev/tpm0", "/dev/tpmrm0"]).anchor.address == .tpm20(tcti: "device:/dev/tpmrm0"))
        #expect(try read("", devices: ["/dev/tpm0"]).anchor.address == AnchorAddress("tpm1.2:/dev/tpm0"))
        #expect(try read("directory = \"/d\"").anchor.address == .software(directory: "/d/anchor"))
        #expect(
            try read("anchor.address = \"software:/a\"", devices: ["/dev/tpmrm0"]).anchor.address
                == .software(directory: "/a"))
    }

    @Test func aFileThatWasNamedMustBeThere() throws {
        #expect(refusal { _ = try ManagerConfiguration(reading: path) }.hasPrefix("\(path): "))
        #expect(refusal { _ = try ManagerConfiguration(reading: home.path) }.contains("cannot be read"))
        #expect(
            refusal { _ = try ManagerConfiguration(reading: nil, standard: home.path) { _ in false } }
                .contains("cannot be read"))
    }

    @Test(arguments: [
        ("directori = \"/x\"", "directori: there is no such key; there are directory, anchor, admin"),
        ("[guest]\nuser = \"x\"", "guest: there is no such key"),
        ("[admin]\nsocket = \"/x\"\nmod = \"0600\"", "admin.mod: there is no such key; there are socket, mode, group."),
        ("[log]\nfile = \"x\"", "log.file: there is no such key"),
        ("directory = 7", "directory: it is a string in quotes, not of the type integer."),
        ("directory = \"state\"", "directory: it is a path from the root"),
        ("anchor = \"tpm2\"", "anchor: it is a table: [anchor], not of the type string."),
        ("anchor.address = \"tpm3:/dev/x\"", "anchor.address: tpm3:/dev/x names no TPM"),
        ("anchor.only-user = \"yes\"", "anchor.only-user: it is true or false, not of the type string."),
        ("anchor.timeout = 0", "anchor.timeout: it is a whole number from 1 to 3600, not 0."),
        ("anchor.timeout = 1.5", "anchor.timeout: it is a whole number from 1 to 3600, not of the type floating"),
        (
            "anchor.address = \"tpm1.2:/dev/tpm0\"\nanchor.storage-root-key-file = \"/nowhere\"",
            "/nowhere: the passphrase cannot be read"
        ),
        ("anchor.storage-root-key-file = \"/nowhere\"", "anchor.storage-root-key-file: only a TPM 1.2"),
        ("admin.mode = \"600 \"", "admin.mode: it is an octal number"),
        ("admin.mode = \"1777\"", "admin.mode: it is an octal number"),
        ("admin.mode = 600", "admin.mode: it is a string in quotes, not of the type integer."),
        ("admin.group = \"no-such-group\"", "admin.group: There is no group 'no-such-group'."),
        ("guests.user = \"no-such-user\"", "guests.user: There is no user 'no-such-user'."),
        ("guests.user = \"0\"", "guests.user: it is the name of a user"),
        ("guests.threads = 257", "guests.threads: it is a whole number from 0 to 256, not 257."),
        ("checkpoint.interval = 0", "checkpoint.interval: it is a whole number from 1 to 86400, not 0."),
        ("keys.pool = -1", "keys.pool: it is a whole number from 0 to 1024, not -1."),
        ("xen.enabled = 1", "xen.enabled: it is true or false, not of the type integer."),
        ("xen.unknown = \"ask\"", "xen.unknown: it is create, refuse, not \"ask\"."),
        ("xen.uuid = \"x\"", "xen.uuid: there is no such key; there are enabled, unknown, group, measure."),
        (
            "log.level = \"loud\"",
            "log.level: it is trace, debug, info, notice, warning, error, critical, not \"loud\"."
        ),
        ("log.format = \"xml\"", "log.format: it is text, json, not \"xml\"."),
    ])
    func mistakesAreNamed(text: String, sentence: String) {
        let refusal = refusal(of: text)
        #expect(refusal.contains(sentence), "\(refusal)")
        #expect(!sentence.contains(".") || refusal.hasPrefix(path) || refusal.hasPrefix("/nowhere"))
    }

    @Test func pathsFitIntoASocketsAddress() throws {
        let long = "/" + String(repeating: "x", count: 64)
        #expect(try read("guests.sockets = \"\(long)\"").guests.sockets == long)
        #expect(refusal(of: "guests.sockets = \"\(long)x\"").contains("it has at most 65 bytes, not 66."))
        #expect(refusal(of: "admin.socket = \"\(long)\(long)\"").contains("it has at most 107 bytes"))
    }

    @Test func whatIsNoTOMLIsNamedByItsLine() {
        #expect(refusal(of: "directory = \"/x\"\n\nkeys.pool = \n").hasPrefix("\(path):3:"))
        #expect(refusal(of: "keys.pool = 1\nkeys.pool = 2").hasPrefix("\(path):2:"))
        #expect(refusal(of: "directory = \"/x\0\"").contains("is not text"))
    }

    @Test(arguments: [("0", [0]), ("0,2,4-7", [0, 2, 4, 5, 6, 7]), ("0-23", Array(0...23)), ("7,0-1,1", [0, 1, 7])])
    func selectionsOfPCRs(text: String, indices: [Int]) {
        #expect(PCRSelection(text)?.indices == indices)
    }

    @Test(arguments: ["", ",", "24", "1,", "-", "-1", "1-", "3-2", "1--2", " 1", "+1", "0x1", "٣", "1-2-3", "001"])
    func whatSelectsNone(text: String) { #expect(PCRSelection(text) == nil) }
}
