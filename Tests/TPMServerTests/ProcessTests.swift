import CLinux
import Foundation
import Testing

@testable import TPMServer

/// What a process does to itself.
@Suite struct ProcessTests {
    /// A process that makes a call under the filter: its exit status, or its signal as a negative number.
    private func end(of call: String, _ action: String) throws -> Int32 {
        let process = Process()
        process.executableURL = Emulator.program.deletingLastPathComponent().appendingPathComponent("vtpm-forbidden")
        process.arguments = [action, call]
        try process.run()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    @Test(arguments: ["kill", "setuid", "setgid", "chroot", "umount2", "execve", "mknodat", "sethostname"])
    func aForbiddenCallKillsTheProcess(call: String) throws {
        #expect(SystemCallFilter.forbidden.contains(call))
        #expect(try end(of: call, "kill") == -SIGSYS)
        #expect(try end(of: call, "log") == 0)
    }

    @Test(arguments: ["getpid", "openat", "socket", "clone"])
    func otherCallsAreMade(call: String) throws {
        #expect(try end(of: call, "kill") == 0)
    }

    /// Every name is one that this machine's kernel could have, or that of another; a slip of the pen is neither.
    @Test func theListNamesSystemCalls() {
        let unknown = SystemCallFilter.forbidden.filter { seccomp_syscall_resolve_name($0) == __NR_SCMP_ERROR }
        #expect(unknown.isEmpty, "\(unknown)")
        #expect(Set(SystemCallFilter.forbidden).count == SystemCallFilter.forbidden.count)
    }

    @Test func usersAndGroupsAreNumbersOrNames() throws {
        #expect(try ProcessUser.user("root") == 0)
        #expect(try ProcessUser.user("1234") == 1234)
        #expect(try ProcessUser.group("root") == 0)
        #expect(try ProcessUser.group("0") == 0)
        for text in ["no such one", "-1", "4294967295", "4294967296", ""] {
            #expect(throws: ProcessError.self) { try ProcessUser.user(text) }
            #expect(throws: ProcessError.self) { try ProcessUser.group(text) }
        }
    }

    @Test func aProcessIDFileGoesWithItsProcess() throws {
        let home = try TemporaryDirectory()
        let path = home.path + "/pid"
        try home.write(Array("something longer than a number".utf8), to: "pid")
        var file: ProcessIDFile? = try ProcessIDFile(path)
        #expect(home.contents("pid") == Array("\(getpid())".utf8))
        #expect(file != nil)
        file = nil
        #expect(home.files.isEmpty)

        file = try ProcessIDFile(path)
        // Another process took the place.
        try home.write(Array("1".utf8), to: "pid")
        file = nil
        #expect(home.files == ["pid"])
        unlink(path)
        symlink("/tmp/elsewhere", path)
        #expect(throws: ProcessError.self) { try ProcessIDFile(path) }
        #expect(throws: ProcessError.self) { try ProcessIDFile(home.path + "/no/pid") }
    }

    @Test func aProcessIDGoesToADescriptor() throws {
        let pipe = Pipe()
        try ProcessIDFile.write(to: dup(pipe.fileHandleForWriting.fileDescriptor))
        try pipe.fileHandleForWriting.close()
        #expect(pipe.fileHandleForReading.readDataToEndOfFile() == Data("\(getpid())".utf8))
        #expect(throws: ProcessError.self) { try ProcessIDFile.write(to: -1) }
    }
}
