import Synchronization
import TPMEngine
import TPMServer

/// The page through which a front end passes commands, as xen/io/tpmif.h lays it out (version 2 of the protocol), and its
/// event channel.
///
///     0  length          4 bytes, little-endian, of the command or the response
///     4  state           1 byte
///     5  locality        1 byte, of the command
///     6  (unused)        1 byte
///     7  nr_extra_pages  1 byte
///     8  their grants    4 bytes each
///        the command or the response
///
/// The front end may change all of it at any time. Each field is read once, what was read is checked, and the command
/// is copied before anybody looks at it. Extra pages are not mapped: a command fits the page or is refused.
package final class DeviceRing: CommandRing, @unchecked Sendable {
    private let page: any GrantedPage
    private let channel: any EventChannel

    static let pageSize = 4096
    private static let headerSize = 8
    private static let lengthOffset = 0
    private static let stateOffset = 4
    private static let localityOffset = 5
    private static let extraPagesOffset = 7

    /// Who is to do something.
    enum State: UInt8 {
        /// Nobody; there is no response.
        case idle = 0
        /// The TPM: there is a command.
        case submit = 1
        /// Nobody; there is a response.
        case finish = 2
        /// The TPM: the command is not wanted any more.
        case cancel = 3
    }

    package init(_ page: any GrantedPage, _ channel: any EventChannel) {
        self.page = page
        self.channel = channel
    }

    package var descriptor: Int32 { channel.descriptor }

    package func acknowledge() -> Bool { channel.acknowledge() }

    package func take(isBusy: Bool) -> RingRequest {
        switch State(rawValue: byte(at: Self.stateOffset).pointee.load(ordering: .acquiring)) {
        case .submit where !isBusy: command()
        case .cancel: .cancel
        case .submit, .idle, .finish, nil: .nothing
        }
    }

    package func finish(_ answer: [UInt8]) {
        // Where it begins is for the front end to say, with the answer as with the command.
        let offset = dataOffset()
        guard answer.count <= Self.pageSize - offset else { return finish(TPM.failure(.size)) }
        answer.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyMemory(from: $0) }
        length.pointee.store(UInt32(answer.count).littleEndian, ordering: .relaxed)
        set(.finish)
    }

    package func idle() { set(.idle) }

    package func close() {
        channel.close()
        page.unmap()
    }

    // MARK: The page

    private func command() -> RingRequest {
        let length = UInt32(littleEndian: length.pointee.load(ordering: .relaxed))
        let locality = byte(at: Self.localityOffset).pointee.load(ordering: .relaxed)
        let offset = dataOffset()
        guard let count = Int(exactly: length), count <= Self.pageSize - offset else {
            return .refused(TPM.failure(.badParamSize))
        }
        // Locality 4 is for a processor's own commands, of which a guest has none.
        guard let locality = Locality(rawValue: locality), locality != .four else {
            return .refused(TPM.failure(.badLocality))
        }
        return .command([UInt8](memory[offset..<offset + count]), locality)
    }

    /// Where the front end says that commands and responses begin: 8 to 1028.
    private func dataOffset() -> Int {
        Self.headerSize + 4 * Int(byte(at: Self.extraPagesOffset).pointee.load(ordering: .relaxed))
    }

    private func set(_ state: State) {
        byte(at: Self.stateOffset).pointee.store(state.rawValue, ordering: .releasing)
        channel.notify()
    }

    private var memory: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: page.memory, count: Self.pageSize)
    }

    private var length: UnsafePointer<Atomic<UInt32>> {
        UnsafePointer((page.memory + Self.lengthOffset).assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    private func byte(at offset: Int) -> UnsafePointer<Atomic<UInt8>> {
        UnsafePointer((page.memory + offset).assumingMemoryBound(to: Atomic<UInt8>.self))
    }
}
