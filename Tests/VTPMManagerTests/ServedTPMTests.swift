import Foundation
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

@testable import TPMServer
@testable import VTPMManager

/// TPMs that run on the store, as the manager serves them.
@Suite struct ServedTPMTests {
    private struct Silent: InstanceObserver {
        func executed(_ command: [UInt8], _ response: [UInt8]) {}
        func storeFailed(_ error: StoreError) {}
        func storeRecovered() {}
        func noticed(_ sentence: String) {}
    }

    /// TPM_Startup(ST_CLEAR).
    private static let startup: [UInt8] = [0, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, 1]
    /// TPM_Extend of register 10.
    private static let extend = [0, 0xc1, 0, 0, 0, 34, 0, 0, 0, 0x14, 0, 0, 0, 10] + [UInt8](repeating: 5, count: 20)
    /// TPM_PCRRead of register 10.
    private static let read: [UInt8] = [0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 10]
    /// TSC_PhysicalPresence(CMD_ENABLE), which changes a permanent flag.
    private static let enable: [UInt8] = [0, 0xc1, 0, 0, 0, 12, 0x40, 0, 0, 0x0a, 0, 0x20]
    /// TSC_PhysicalPresence(PRESENT), which works where that flag is set.
    private static let present: [UInt8] = [0, 0xc1, 0, 0, 0, 12, 0x40, 0, 0, 0x0a, 0, 0x08]

    private let test: TestStore
    private let guest: UUID

    init() throws {
        test = try TestStore()
        guest = try test.guest("web")
    }

    private func poweredTPM() throws -> TPMInstance {
        let tpm = TPMInstance(
            store: GuestStateStore(test.store, guest: guest), environment: Environment(), observer: Silent())
        try tpm.powerOn()
        return tpm
    }

    private func code(_ command: [UInt8], _ tpm: TPMInstance) -> UInt32 {
        tpm.finish(tpm.execute(command)).dropFirst(6).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    @Test func whatAGuestWasAnsweredIsThereAfterTheProcess() throws {
        do {
            let tpm = try poweredTPM()
            // The writer may have the store for a moment longer than this.
            defer { tpm.end() }
            #expect(code(Self.startup, tpm) == 0 && code(Self.present, tpm) != 0 && code(Self.enable, tpm) == 0)
        }
        try test.open()
        let tpm = try poweredTPM()
        #expect(code(Self.startup, tpm) == 0 && code(Self.present, tpm) == 0)
    }

    @Test func aSuspendedTPMGoesOn() throws {
        let before: [UInt8]
        do {
            let tpm = try poweredTPM()
            defer { tpm.end() }
            #expect(code(Self.startup, tpm) == 0 && code(Self.extend, tpm) == 0)
            before = tpm.finish(tpm.execute(Self.read))
            try tpm.suspend()
        }
        try test.open()
        do {
            let tpm = try poweredTPM()
            defer { tpm.end() }
            #expect(tpm.finish(tpm.execute(Self.read)) == before)
            #expect(code(Self.extend, tpm) == 0)
        }
        // The volatile state went with the first command that changed the TPM.
        let tpm = try poweredTPM()
        #expect(code(Self.read, tpm) != 0 && code(Self.startup, tpm) == 0)
    }

    @Test func aSecondServerOfAGuestIsRefused() throws {
        let tpm = try poweredTPM()
        #expect(throws: StoreError.self) { try poweredTPM() }
        #expect(code(Self.startup, tpm) == 0)
    }

    @Test func aStoreThatFailsRefusesOneTPMAndNoOther() throws {
        let tpm = try poweredTPM()
        #expect(code(Self.startup, tpm) == 0)
        let closed = try test.store.createGroup(name: "other", key: TestStore.groupKey, wrappings: []).id
        let neighbour = try test.store.createGuest(name: "mail", group: closed, settings: Secret("")).id
        let other = TPMInstance(
            store: GuestStateStore(test.store, guest: neighbour), environment: Environment(), observer: Silent())
        try other.powerOn()
        #expect(code(Self.startup, other) == 0)
        test.store.closeGroup(closed)
        #expect(code(Self.enable, other) == TPMResult.fail.rawValue)
        #expect(code(Self.enable, tpm) == 0)
        try test.store.openGroup(closed, key: TestStore.groupKey)
        #expect(code(Self.enable, other) == 0)
    }
}
