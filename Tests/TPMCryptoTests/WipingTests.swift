import CGMP
import Glibc
import Testing

@testable import TPMCrypto

/// What is freed is read through /proc/self/mem, so that no pointer is used after its end. The C library keeps its
/// own links in the first 16 bytes of a freed block; the rest stays as it was.
@Suite struct WipingTests {
    private static let size = 200

    @Test func aSecretIsWipedWithItsLastCopy() throws {
        var address = UInt(0)
        var secret: Secret? = Secret(count: Self.size) { buffer in
            address = UInt(bitPattern: buffer.baseAddress)
            for index in buffer.indices { buffer[index] = 0xA5 }
        }
        var copy = secret
        secret = nil
        #expect(try memory(at: address) == [UInt8](repeating: 0xA5, count: Self.size))
        #expect(copy?.count == Self.size)
        copy = nil
        #expect(try !memory(at: address)[16...].contains(0xA5))
    }

    @Test func aRunningHashIsWipedWithItsLastCopy() throws {
        var hash: SHA1? = SHA1()
        hash?.update([UInt8](repeating: 0xA5, count: 50))
        let address = unsafeBitCast(hash, to: UInt.self)
        var copy = hash
        hash = nil
        #expect(try memory(at: address).filter { $0 == 0xA5 }.count >= 50)
        #expect(copy?.parts.count == 50)
        copy = nil
        #expect(try !memory(at: address)[16..<120].contains(0xA5))
    }

    @Test func gmpWipesWhatItFreesAndMoves() throws {
        installWipingAllocators()
        var allocate: (@convention(c) (Int) -> UnsafeMutableRawPointer?)?
        var reallocate: (@convention(c) (UnsafeMutableRawPointer?, Int, Int) -> UnsafeMutableRawPointer?)?
        var free: (@convention(c) (UnsafeMutableRawPointer?, Int) -> Void)?
        __gmp_get_memory_functions(&allocate, &reallocate, &free)
        let first = try #require(allocate?(Self.size))
        first.initializeMemory(as: UInt8.self, repeating: 0xA5, count: Self.size)
        let old = UInt(bitPattern: first)
        let second = try #require(reallocate?(first, Self.size, 2 * Self.size))
        let new = UInt(bitPattern: second)
        #expect(try !memory(at: old)[16...].contains(0xA5))
        #expect(try memory(at: new) == [UInt8](repeating: 0xA5, count: Self.size))
        free?(second, 2 * Self.size)
        #expect(try !memory(at: new)[16...].contains(0xA5))
    }

    @Test func wipeOverwritesAnArray() {
        var bytes: [UInt8] = [1, 2, 3]
        wipe(&bytes)
        #expect(bytes == [0, 0, 0])
    }

    private func memory(at address: UInt) throws -> [UInt8] {
        let file = open("/proc/self/mem", O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.size)
        try #require(pread(file, &bytes, Self.size, Int(bitPattern: address)) == Self.size)
        return bytes
    }
}
