import Glibc
import TPMEngine
import Testing

@testable import TPMServer

@Suite struct StateDirectoryTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory() }

    private func locked(_ path: String) throws -> StateDirectory {
        let directory = try StateDirectory(path)
        try directory.lock(waiting: 0, continues: false)
        return directory
    }

    private func state(failedAuthorizations: UInt32) -> TPMState {
        var state = TPMState()
        state.permanent.failedAuthorizations = failedAuthorizations
        return state
    }

    @Test func whatWasSavedIsLoaded() throws {
        do {
            let directory = try locked(home.path)
            #expect(try directory.load() == nil)
            try directory.save(state(failedAuthorizations: 3))
            try directory.save(state(failedAuthorizations: 4))
        }
        #expect(try locked(home.path).load()?.permanent.failedAuthorizations == 4)
    }

    @Test func nobodyElseCanReadIt() throws {
        let path = home.path + "/new"
        try locked(path).save(TPMState())
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        for name in ["tpm.state", "lock"] {
            #expect(home.mode("new/\(name)") == 0o600)
            unlink("\(path)/\(name)")
        }
        rmdir(path)
    }

    @Test func aParentThatIsMissingIsNotMade() {
        let reason = refusal { _ = try locked(home.path + "/a/b") }
        #expect(reason.contains(home.path + "/a/b") && reason.contains("Make its parent first"))
        #expect(home.files.isEmpty)
    }

    @Test func aSecondProcessIsKeptOffUntilTheFirstEnds() throws {
        var first: StateDirectory? = try locked(home.path)
        let reason = refusal { _ = try locked(home.path) }
        #expect(reason.contains(home.path) && reason.contains("another process"))
        #expect(first != nil)
        first = nil
        _ = try locked(home.path)
        // The file stays: to remove it would let two processes lock two files of one name.
        #expect(home.files == ["lock"])
    }

    @Test func aHalfWrittenStateOfADeadProcessIsIgnoredAndRemoved() throws {
        try locked(home.path).save(state(failedAuthorizations: 5))
        try home.write([1, 2, 3], to: "tpm.state.new")
        let directory = try locked(home.path)
        #expect(try directory.load()?.permanent.failedAuthorizations == 5)
        #expect(home.files == ["lock", "tpm.state"])
        try directory.save(state(failedAuthorizations: 6))
        #expect(home.files == ["lock", "tpm.state"])
    }

    @Test func aSaveThatFailsLeavesTheLastState() throws {
        let directory = try locked(home.path)
        try directory.save(state(failedAuthorizations: 5))
        let before = home.contents("tpm.state")
        // A directory in the way of the temporary file stops even root.
        #expect(mkdir(home.path + "/tpm.state.new", 0o700) == 0)
        defer { rmdir(home.path + "/tpm.state.new") }
        let reason = refusal { try directory.save(state(failedAuthorizations: 6)) }
        #expect(reason.contains(home.path + "/tpm.state"))
        #expect(home.contents("tpm.state") == before)
    }

    @Test func aDamagedStateIsRefusedAndLeftAlone() throws {
        try locked(home.path).save(state(failedAuthorizations: 5))
        let whole = try #require(home.contents("tpm.state"))
        for damage in damages(whole) {
            try home.write(damage, to: "tpm.state")
            let reason = refusal { _ = try locked(home.path).load() }
            #expect(reason.contains(home.path + "/tpm.state") && reason.contains("damaged"))
            #expect(home.contents("tpm.state") == damage)
        }
    }

    /// The state cut short, with a byte more, and with single bits turned behind the magic.
    private func damages(_ whole: [UInt8]) -> [[UInt8]] {
        let turned = stride(from: 8, to: whole.count, by: 37).map { index in
            var bytes = whole
            bytes[index] ^= 1
            return bytes
        }
        return [Array(whole.dropLast()), Array(whole.prefix(8)), whole + [0]] + turned
    }

    @Test(arguments: [[], Array("a shopping list".utf8), [UInt8](repeating: 0, count: 1000)])
    func aForeignFileIsRefusedAndLeftAlone(bytes: [UInt8]) throws {
        try home.write(bytes, to: "tpm.state")
        let reason = refusal { _ = try locked(home.path).load() }
        #expect(reason.contains(home.path + "/tpm.state") && reason.contains("not the state of a TPM"))
        #expect(reason.contains("move it away"))
        #expect(home.contents("tpm.state") == bytes)
    }

    @Test func aLinkAndADirectoryInItsPlaceAreRefused() throws {
        try home.write([1], to: "elsewhere")
        #expect(symlink(home.path + "/elsewhere", home.path + "/tpm.state") == 0)
        #expect(refusal { _ = try locked(home.path).load() }.contains(home.path + "/tpm.state"))
        unlink(home.path + "/tpm.state")
        #expect(mkdir(home.path + "/tpm.state", 0o700) == 0)
        #expect(refusal { _ = try locked(home.path).load() }.contains("no file"))
        rmdir(home.path + "/tpm.state")
    }
}
