import Glibc
import TPMEngine
import TPMWire
import TestSupport
import Testing

@testable import TPMServer

/// The other end of the descriptor that the kernel hands out: each write is a command, each read a response, whole.
private final class Kernel {
    let descriptor: Int32
    private let end: Int32
    private var isOpen = true

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        (end, descriptor) = (ends[0], ends[1])
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { takeAway() }

    func send(_ command: [UInt8]) { #expect(write(end, command, command.count) == command.count) }

    func answer() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        return Array(bytes[..<max(read(end, &bytes, bytes.count), 0)])
    }

    func transmit(_ command: [UInt8]) -> [UInt8] {
        send(command)
        return answer()
    }

    func takeAway() {
        if isOpen { close(end) }
        isOpen = false
    }
}

/// TPM_ORD_SET_LOCALITY of linux/vtpm_proxy.h.
private func setLocality(_ locality: UInt8) -> [UInt8] { [0, 0xc1, 0, 0, 0, 11, 0x20, 0, 0x10, 0, locality] }

/// TPM_Extend of register 17, which locality 0 may not do.
private let extend17: [UInt8] = [0, 0xc1, 0, 0, 0, 34, 0, 0, 0, 0x14, 0, 0, 0, 17] + [UInt8](repeating: 1, count: 20)

@Suite struct VTPMProxyTests {
    private let home: TemporaryDirectory
    private var path: String { home.path + "/tpm.sock" }
    private let kernel: Kernel

    init() throws {
        home = try TemporaryDirectory()
        kernel = try Kernel()
    }

    private func server(at addresses: [ListenAddress] = []) throws -> RunningServer {
        try RunningServer(at: addresses) { [kernel] in $0.serveProxy(kernel.descriptor, "/dev/tpm9") }
    }

    @Test func eachWriteIsACommandAndEachReadAResponse() throws {
        let running = try server()
        for _ in 0..<3 {
            #expect(kernel.transmit(pcrRead).count == 30)
            #expect(returnCode(kernel.transmit(selfTestFull)) == 0)
            #expect(kernel.transmit(getRandom(20)).count == 34)
        }
        running.end()
        #expect(kernel.answer() == [])
    }

    @Test func whatIsNoCommandIsAnsweredAsTheTPMDoes() throws {
        let running = try server()
        #expect(returnCode(kernel.transmit([0, 0xc1, 0])) == TPMResult.badParamSize.rawValue)
        #expect(returnCode(kernel.transmit(pcrRead + [0])) == TPMResult.badParamSize.rawValue)
        #expect(returnCode(kernel.transmit([UInt8](repeating: 0xff, count: 4096))) != 0)
        #expect(kernel.transmit(pcrRead).count == 30)
        running.end()
    }

    @Test func theDeviceAndTheSocketsServeOneTPM() throws {
        let running = try server(at: [.unix(path: path)])
        let client = try RawClient(unix: path)
        let before = kernel.transmit(pcrRead)
        #expect(returnCode(client.transmit(extend(1))) == 0)
        #expect(kernel.transmit(pcrRead) != before)
        // Both have a command for the worker.
        client.send(selfTestFull + pcrRead)
        #expect(returnCode(kernel.transmit(selfTestFull)) == 0)
        #expect(returnCode(client.answer()) == 0)
        #expect(client.answer() == kernel.transmit(pcrRead))
        running.end()
    }

    @Test func theKernelChoosesTheLocalityOfItsOwnCommands() throws {
        let running = try server(at: [.unix(path: path)])
        let client = try RawClient(unix: path)
        #expect(returnCode(kernel.transmit(extend17)) == TPMResult.badLocality.rawValue)
        #expect(kernel.transmit(setLocality(3)) == [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0])
        #expect(returnCode(kernel.transmit(extend17)) == 0)
        #expect(returnCode(client.transmit(extend17)) == TPMResult.badLocality.rawValue)
        #expect(returnCode(client.transmit(setLocality(3))) == TPMResult.badOrdinal.rawValue)
        // One that does not exist changes nothing.
        #expect(returnCode(kernel.transmit(setLocality(5))) == TPMResult.badLocality.rawValue)
        #expect(returnCode(kernel.transmit(extend17)) == 0)
        #expect(returnCode(kernel.transmit(setLocality(0))) == 0)
        #expect(returnCode(kernel.transmit(extend17)) == TPMResult.badLocality.rawValue)
        running.end()
    }

    @Test func aDeviceThatTheKernelTakesAwayEndsTheServer() throws {
        let running = try server()
        #expect(kernel.transmit(pcrRead).count == 30)
        kernel.takeAway()
        running.wait()
        #expect("\(try #require(running.server.proxyFailure))".contains("/dev/tpm9"))
    }

    @Test func aRefusalSaysWhatToDo() throws {
        let missing = #expect(throws: VTPMProxyError.self) { try VTPMProxyDevice(at: "\(home.path)/vtpmx") }
        #expect(missing?.description.contains("modprobe tpm_vtpm_proxy") == true)
        let other = #expect(throws: VTPMProxyError.self) { try VTPMProxyDevice(at: "/dev/null") }
        #expect(other?.description.contains("is not the kernel's vTPM proxy") == true)
    }
}
