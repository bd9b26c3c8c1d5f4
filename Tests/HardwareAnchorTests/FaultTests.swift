import Emulators
import Foundation
import Synchronization
import TPMClient
import TPMCrypto
import TPMEngine
import TPMServer
import TPMWire
import Testing

@testable import HardwareAnchor

/// Hardware that is gone, hangs, is full or is locked.
@Suite struct FaultTests {
    typealias Kind = AnchorHardware.Kind

    // MARK: Gone

    @Test(arguments: Kind.outside)
    func `A TPM that is gone is unreachable, and is used again when it is back`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let (anchor, tpm) = (try rig.anchor, try #require(rig.tpm))
        let sealed = try anchor.seal(Secret("key"), to: nil)
        let count = try anchor.incrementCounter()
        for _ in 0..<2 {
            tpm.kill()
            #expect(anchorError { try anchor.unseal(sealed) }?.name == "unreachable")
            #expect(anchorError { try anchor.readCounter() }?.name == "unreachable")
            #expect(anchorError { try anchor.writeRecord([1]) }?.name == "unreachable")
            #expect(anchorError { try anchor.readPCRs([0]) }?.name == "unreachable")
            #expect(anchorError { try rig.address.open(rig.material) }?.name == "unreachable")
            try tpm.start()
            #expect(try anchor.unseal(sealed) == Secret("key"))
            #expect(try anchor.readCounter() == count)
        }
    }

    @Test(arguments: Kind.outside)
    func `A TPM that loses power at any moment neither ends the process nor loses what it answered`(
        kind: Kind
    ) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let (anchor, tpm) = (try rig.anchor, try #require(rig.tpm))
        let sealed = try anchor.seal(Secret("key"), to: nil)
        for round in 1...15 {
            let progress = Mutex<(count: UInt64, record: [UInt8], written: [UInt8], error: AnchorError?)>(
                (0, [], [], nil))
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                var number: UInt8 = 0
                do {
                    while true {
                        number &+= 1
                        _ = try anchor.unseal(sealed)
                        let count = try anchor.incrementCounter()
                        progress.withLock { $0.count = count }
                        let record = [UInt8](repeating: number, count: 100)
                        progress.withLock { $0.written = record }
                        try anchor.writeRecord(record)
                        progress.withLock { $0.record = record }
                    }
                } catch {
                    progress.withLock { $0.error = error as? AnchorError }
                }
                done.signal()
            }
            Thread.sleep(forTimeInterval: 0.013 * Double(round))
            tpm.kill()
            #expect(done.wait(timeout: .now() + 30) == .success)
            try tpm.start()
            let (count, record, written, error) = progress.withLock { $0 }
            #expect(error?.name == "unreachable", "\(error.map(\.description) ?? "")")
            // What was answered is there; what was under way may be, too.
            #expect(try anchor.readCounter() >= count)
            let found = try anchor.readRecord()
            #expect(found == record || found == written || record.isEmpty)
            #expect(try anchor.unseal(sealed) == Secret("key"))
        }
    }

    // MARK: Hanging

    @Test(arguments: Kind.outside)
    func `A TPM that does not answer costs the time-out, and is used again when it does`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        rig.options.timeout = .seconds(1)
        let (anchor, tpm) = (try rig.anchor, try #require(rig.tpm))
        let sealed = try anchor.seal(Secret("key"), to: nil)
        tpm.hang(true)
        let time = ContinuousClock().measure {
            for _ in 0..<2 { #expect(anchorError { try anchor.unseal(sealed) }?.name == "unreachable") }
        }
        #expect(time < .seconds(10))
        tpm.hang(false)
        // The answer to the first is on its way.
        for _ in 0..<100 where anchorError({ try anchor.readPCRs([0]) }) != nil { Thread.sleep(forTimeInterval: 0.1) }
        #expect(try anchor.unseal(sealed) == Secret("key"))
    }

    // MARK: Full

    @Test(arguments: Kind.allCases)
    func `A thousand calls, those that fail among them, leave nothing loaded`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        #expect(try rig.loaded() == 0)
        let nonce = [UInt8](repeating: 9, count: 20)
        let present = try anchor.readPCRs([0])
        let fitting = try anchor.seal(Secret("key"), to: present)
        let strange = try PCRConfiguration(
            present.algorithm, [0: [UInt8](repeating: 0xee, count: present.algorithm.byteCount)])
        let unfitting = try anchor.seal(Secret("key"), to: strange)
        var broken = try SealedSecret.decode(fitting, for: anchor.identity)
        broken.privatePart[broken.privatePart.count - 1] ^= 1
        let damaged = try broken.bytes()
        let ciphertext = try anchor.receivingKey.encrypt(Secret("key"))
        for round in 0..<100 {
            #expect(try anchor.unseal(fitting) == Secret("key"))
            #expect(anchorError { try anchor.unseal(unfitting) }?.name == "otherConfiguration")
            #expect(anchorError { try anchor.unseal(damaged) }?.name == "damaged")
            #expect(try anchor.receive(ciphertext) == Secret("key"))
            #expect(anchorError { try anchor.receive(Array(ciphertext.reversed())) }?.name == "damaged")
            _ = try anchor.quote([0], nonce: nonce)
            _ = try anchor.seal(Secret("key"), to: round.isMultiple(of: 2) ? nil : present)
            try anchor.writeRecord([UInt8(round)])
            try anchor.incrementCounter()
            _ = try anchor.randomBytes(16)
        }
        #expect(try rig.loaded() == 0)
    }

    @Test(arguments: Kind.allCases)
    func `A TPM that others filled with sessions is busy, unless the anchor is its only user`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        rig.options.patience = .milliseconds(200)
        let secret = Secret("key")
        let sealed = try rig.anchor.seal(secret, to: nil)
        try fill(rig) {
            if kind == .tpm20 {
                try rig.commands20.startSession()
            } else {
                _ = try rig.with12 { _ = try $0.oiap(secret) }
            }
        }
        try expectBusy(rig, sealed)
    }

    @Test(arguments: Kind.allCases)
    func `A TPM that others filled with keys is busy, unless the anchor is its only user`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        rig.options.patience = .milliseconds(200)
        let sealed = try rig.anchor.seal(Secret("key"), to: nil)
        let key = kind == .tpm20 ? nil : try WireDecoder.decode(Key.self, from: rig.material.form.quoting.publicPart)
        try fill(rig) {
            if kind == .tpm20 {
                try rig.commands20.fillObjectSlot()
            } else if let key {
                _ = try rig.with12 { _ = try $0.load(key) }
            }
        }
        try expectBusy(rig, sealed)
    }

    /// Repeats what takes a place until there is none.
    private func fill(_ rig: Rig, _ body: () throws -> Void) throws {
        var places = 0
        while places < 200, (try? body()) != nil { places += 1 }
        #expect((2..<200).contains(places))
    }

    private func expectBusy(_ rig: Rig, _ sealed: [UInt8]) throws {
        let nonce = [UInt8](repeating: 1, count: 20)
        #expect(anchorError { try rig.anchor.quote([0], nonce: nonce) }?.name == "busy")
        guard rig.kind != .software else { return }
        rig.close()
        rig.options.isOnlyUser = true
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        _ = try rig.anchor.quote([0], nonce: nonce)
        #expect(try rig.loaded() == 0)
    }

    // MARK: Locked

    @Test(arguments: Kind.of12)
    func `A TPM 1.2 that was tried with wrong secrets is locked, until the owner resets it`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        let sealed = try anchor.seal(Secret("key"), to: nil)
        var tries = 0
        while tries < 100, anchorError({ try anchor.unseal(sealed) }) == nil {
            tries += 1
            _ = try rig.with12 { tpm in try? tpm.resetLock(owner: Secret(count: 20)) }
            _ = try rig.with12 { tpm in try? tpm.unseal(SealedBlob(), keyAuth: Secret(repeating: 1)) }
        }
        #expect(anchorError { try anchor.unseal(sealed) }?.name == "lockedOut")
        #expect(anchorError { try anchor.incrementCounter() }?.name == "lockedOut")
    }

    @Test func `A TPM 2.0 that was tried with wrong secrets does not keep the anchor out`() throws {
        let rig = try Rig(.tpm20)
        defer { rig.end() }
        let anchor = try rig.anchor
        let sealed = try anchor.seal(Secret("key"), to: nil)
        let commands = try rig.commands20
        try commands.define(0x0180_0000, size: 8, attributes: 0x0004_0004, auth: [7])
        try commands.write(0x0180_0000, [1, 2, 3, 4, 5, 6, 7, 8], auth: [7])
        var last: UInt32 = 0
        for _ in 0..<100 where last != 0x921 {
            do { try commands.read(0x0180_0000, size: 8, auth: [8]) } catch let error as TPM20Commands.Failure {
                last = error.code
            }
        }
        #expect(last == 0x921)
        #expect(try anchor.unseal(sealed) == Secret("key"))
        try anchor.incrementCounter()
        try anchor.writeRecord([1])
        _ = try anchor.quote([0], nonce: [UInt8](repeating: 1, count: 20))
        #expect(try anchor.receive(try anchor.receivingKey.encrypt(Secret("key"))) == Secret("key"))
    }

    // MARK: The software TPM's disk

    @Test func `A software TPM whose disk is full changes nothing, and goes on when there is room`() throws {
        let store = FullStore()
        let access = TPM12Access(try EmbeddedTPM(store: store), AnchorOptions())
        let provisioning = TPM12Provisioning(access: access, owner: Rig.owner.authData, label: .usual)
        let anchor = try TPM12Anchor(access, try provisioning.provision(keeping: nil, replacing: false))
        try anchor.writeRecord([1])
        let count = try anchor.incrementCounter()
        store.isFull.withLock { $0 = true }
        let error = anchorError { try anchor.incrementCounter() }
        #expect(error?.name == "unreachable")
        #expect("\(try #require(error))".hasSuffix("The disk is full. Make room."))
        #expect(anchorError { try anchor.writeRecord([2]) }?.name == "unreachable")
        // Reading needs no disk.
        #expect(try anchor.readRecord() == [1])
        #expect(try anchor.readCounter() == count)
        store.isFull.withLock { $0 = false }
        #expect(try anchor.incrementCounter() == count + 1)
        try anchor.writeRecord([2])
        #expect(try anchor.readRecord() == [2])
    }
}

/// A store in memory that has room or not.
private final class FullStore: StateStore {
    let isFull = Mutex(false)
    private let state = Mutex<TPMState?>(nil)

    func lock(waiting milliseconds: Int, continues: Bool) {}
    func release() {}
    func load() -> TPMState? { state.withLock { $0 } }
    func loadVolatile() -> Secret? { nil }
    func saveVolatile(_ bytes: Secret?) {}

    func save(_ next: TPMState) throws(StoreError) {
        guard !isFull.withLock({ $0 }) else { throw StoreError("The disk is full. Make room.") }
        state.withLock { $0 = next }
    }
}

extension Secret {
    fileprivate init(repeating byte: UInt8) { self.init([UInt8](repeating: byte, count: 20)) }
}
