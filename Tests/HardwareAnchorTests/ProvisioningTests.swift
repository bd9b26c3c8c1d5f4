import Emulators
import Foundation
import TPMClient
import TPMCrypto
import TPMServer
import TPMWire
import Testing

@testable import HardwareAnchor

/// What an anchor makes in a TPM, and what becomes of it.
@Suite struct ProvisioningTests {
    typealias Kind = AnchorHardware.Kind

    @Test(arguments: Kind.allCases)
    func `Provisioning again with the material changes nothing`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        try rig.anchor.writeRecord([1, 2, 3])
        let count = try rig.anchor.incrementCounter()
        #expect(try rig.provision(keeping: rig.material) == rig.material)
        #expect(try rig.anchor.readRecord() == [1, 2, 3])
        #expect(try rig.anchor.readCounter() == count)
    }

    @Test(arguments: Kind.allCases)
    func `Provisioning again without the material is refused, unless what is there may go`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        try rig.anchor.writeRecord([1, 2, 3])
        let count = try rig.anchor.incrementCounter()
        let old = rig.material
        #expect(anchorError { try rig.provision() }?.name == "taken")
        #expect(try rig.anchor.readRecord() == [1, 2, 3])
        try rig.reprovision(replacing: true)
        #expect(rig.material.identity != old.identity)
        #expect(try rig.anchor.readRecord() == [])
        #expect(try rig.anchor.readCounter() > count)
        rig.close()
        #expect(anchorError { try rig.address.open(old, options: rig.options) }?.name == "missing")
    }

    @Test(arguments: Kind.allCases)
    func `What was removed is missing, and is made anew with the same identity`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let sealed = try rig.anchor.seal(Secret("key"), to: nil)
        let count = try rig.anchor.readCounter()
        try rig.remove()
        #expect(anchorError { try rig.anchor }?.name == "missing")
        let identity = rig.material.identity
        try rig.reprovision(keeping: rig.material)
        #expect(rig.material.identity == identity)
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        #expect(try rig.anchor.readRecord() == [])
        #expect(try rig.anchor.readCounter() > count)
        try rig.remove()
        // Nothing to remove is no error.
        try rig.remove()
    }

    @Test(arguments: Kind.allCases)
    func `An anchor that is open notices that its counter and its record are gone`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        let form = rig.material.form
        if kind == .tpm20 {
            for index in [form.record, form.counter] { try rig.commands20.undefine(index) }
        } else {
            try rig.with12 { tpm in
                try tpm.deleteNV(form.record, owner: Rig.owner.authData)
                try tpm.releaseCounter(form.counter, owner: Rig.owner.authData)
            }
        }
        #expect(anchorError { try anchor.readRecord() }?.name == "missing")
        #expect(anchorError { try anchor.writeRecord([1]) }?.name == "missing")
        #expect(anchorError { try anchor.readCounter() }?.name == "missing")
        #expect(anchorError { try anchor.incrementCounter() }?.name == "missing")
        #expect(try rig.loaded() == 0)
    }

    @Test(arguments: Kind.allCases)
    func `A record that somebody else made anew is missing`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let index = rig.material.form.record
        let size = AnchorRecord.areaSize
        if kind == .tpm20 {
            try rig.commands20.undefine(index)
            try rig.commands20.define(index, size: UInt8(size), attributes: 0x0004_0004, auth: [7])
        } else {
            try rig.with12 { tpm in
                try tpm.deleteNV(index, owner: Rig.owner.authData)
                try tpm.defineNV(
                    index, size: UInt32(size), permissions: [.authRead, .authWrite], owner: Rig.owner.authData)
            }
        }
        #expect(anchorError { try rig.anchor.readRecord() }?.name == "missing")
        #expect(anchorError { try rig.anchor.writeRecord([1]) }?.name == "missing")
        rig.close()
        #expect(anchorError { try rig.provision(keeping: rig.material) }?.name == "taken")
        try rig.reprovision(keeping: rig.material, replacing: true)
        #expect(try rig.anchor.readRecord() == [])
    }

    @Test(arguments: Kind.allCases)
    func `Two anchors on one TPM have each a counter and a record`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        try rig.anchor.writeRecord([1])
        let label = try #require(AnchorLabel("test"))
        let material = try rig.provision(as: label)
        #expect(material.label == label)
        #expect(material.identity != rig.material.identity)
        rig.close()
        let count = try { () throws -> UInt64 in
            let second = try rig.address.open(material, options: rig.options)
            try second.writeRecord([2])
            #expect(try second.readRecord() == [2])
            return try second.incrementCounter()
        }()
        #expect(try rig.anchor.readRecord() == [1])
        #expect(try rig.anchor.readCounter() < count)
        rig.close()
        #expect(try rig.address.open(material, options: rig.options).readCounter() == count)
        #expect(anchorError { try rig.provision(keeping: material) }?.name == "unfit")
    }

    @Test(arguments: Kind.of12)
    func `A TPM 1.2 counts with one counter from start to start`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let material = try rig.provision(as: try #require(AnchorLabel("test")))
        try rig.anchor.incrementCounter()
        try rig.with12 { tpm in
            let error = #expect(throws: ClientError.self) {
                try tpm.incrementCounter(material.form.counter, auth: material.form.secret)
            }
            #expect(error?.result == .badCounter)
        }
        if kind == .tpm12 {
            let second = try rig.address.open(material, options: rig.options)
            #expect(anchorError { try second.incrementCounter() }?.name == "busy")
            try rig.restart()
            try second.incrementCounter()
            #expect(anchorError { try rig.anchor.incrementCounter() }?.name == "busy")
        }
    }

    // MARK: The owner

    @Test(arguments: Kind.of12)
    func `Another owner's authorization is refused, and nothing is left`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let label = try #require(AnchorLabel("test"))
        let before = try rig.with12 { (try $0.nvIndices(), try $0.counters()) }
        let error = anchorError { try rig.provision(as: label, owner: .passphrase(Secret("wrong"))) }
        #expect(error?.name == "wrongOwner")
        let after = try rig.with12 { (try $0.nvIndices(), try $0.counters()) }
        #expect(after == before)
        #expect(try rig.loaded() == 0)
    }

    @Test(arguments: Kind.of12)
    func `A storage root key with an authorization is used with it, and not without`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let passphrase = AnchorAuthorization.passphrase(Secret("srk"))
        let sealed = try rig.anchor.seal(Secret("key"), to: nil)
        try rig.with12 { try $0.changeStorageRootKey(to: passphrase.authData, owner: Rig.owner.authData) }
        #expect(anchorError { try rig.anchor.seal(Secret("key"), to: nil) }?.name == "unfit")
        #expect(anchorError { try rig.provision(as: try #require(AnchorLabel("test"))) }?.name == "unfit")
        rig.options.storageRootKey = passphrase
        #expect(try rig.anchor.unseal(sealed) == Secret("key"))
        _ = try rig.provision(as: try #require(AnchorLabel("test")))
    }

    @Test func `A TPM 2.0 whose owner has an authorization keeps the anchor's parent, for daily use without it`() throws
    {
        let rig = try Rig(.tpm20)
        defer { rig.end() }
        try rig.commands20.setOwner(from: [], to: Array("owner".utf8))
        let label = try #require(AnchorLabel("test"))
        #expect(anchorError { try rig.provision(as: label, owner: .wellKnown) }?.name == "wrongOwner")
        #expect(anchorError { try rig.provision(as: label, owner: .passphrase(Secret("no"))) }?.name == "wrongOwner")
        #expect(try rig.commands20.handles(0x8100_0000).isEmpty)
        let material = try rig.provision(as: label, owner: Rig.owner)
        #expect(try rig.commands20.handles(0x8100_0000) == [material.form.parent.handle])
        #expect(try rig.provision(as: label, owner: Rig.owner, keeping: material) == material)
        let anchor = try rig.address.open(material, options: rig.options)
        let sealed = try anchor.seal(Secret("key"), to: try anchor.readPCRs([0]))
        try rig.restart()
        #expect(try anchor.unseal(sealed) == Secret("key"))
        #expect(try anchor.receive(try anchor.receivingKey.encrypt(Secret("key"))) == Secret("key"))
        #expect(try rig.loaded() == 0)
        #expect(anchorError { try rig.address.remove(material, owner: .wellKnown) }?.name == "wrongOwner")
        try rig.address.remove(material, owner: Rig.owner)
        #expect(try rig.commands20.handles(0x8100_0000).isEmpty)
        #expect(anchorError { try anchor.unseal(sealed) }?.name == "missing")
    }

    @Test func `An owner of a TPM 2.0 who gets an authorization later provisions again`() throws {
        let rig = try Rig(.tpm20)
        defer { rig.end() }
        let sealed = try rig.anchor.seal(Secret("key"), to: nil)
        try rig.commands20.setOwner(from: [], to: Array("owner".utf8))
        rig.close()
        #expect(anchorError { try rig.anchor }?.name == "missing")
        let material = try rig.provision(owner: Rig.owner, keeping: rig.material)
        #expect(material.identity == rig.material.identity)
        #expect(try rig.address.open(material, options: rig.options).unseal(sealed) == Secret("key"))
        // When the authorization is gone again, the parent stays where it is, and is removed with the rest.
        try rig.commands20.setOwner(from: Array("owner".utf8), to: [])
        #expect(try rig.provision(keeping: material) == material)
        try rig.address.remove(material, owner: .wellKnown)
        #expect(try rig.commands20.handles(0x8100_0000).isEmpty)
    }

    @Test func `A TPM 2.0 that was cleared is another`() throws {
        let rig = try Rig(.tpm20)
        defer { rig.end() }
        let anchor = try rig.anchor
        let sealed = try anchor.seal(Secret("key"), to: nil)
        try rig.commands20.clear()
        #expect(anchorError { try anchor.unseal(sealed) }?.name == "otherHardware")
        #expect(anchorError { try anchor.quote([0], nonce: [UInt8](repeating: 0, count: 20)) }?.name == "otherHardware")
        rig.close()
        #expect(anchorError { try rig.anchor }?.name == "otherHardware")
        #expect(anchorError { try rig.provision(keeping: rig.material) }?.name == "otherHardware")
        try rig.reprovision()
        #expect(try rig.anchor.readRecord() == [])
    }

    @Test(arguments: Kind.of12)
    func `A TPM 1.2 that was cleared is another`(kind: Kind) throws {
        let rig = try Rig(kind)
        defer { rig.end() }
        let anchor = try rig.anchor
        let sealed = try anchor.seal(Secret("key"), to: nil)
        try rig.with12 { try $0.clear(owner: Rig.owner.authData) }
        // It is disabled by that, too (TPM 1.2 Part 3, 6.2).
        let fitting = ["otherHardware", "unfit"]
        let nonce = [UInt8](repeating: 0, count: 20)
        #expect(fitting.contains(anchorError { try anchor.unseal(sealed) }?.name ?? ""))
        #expect(fitting.contains(anchorError { try anchor.quote([0], nonce: nonce) }?.name ?? ""))
        #expect(fitting.contains(anchorError { try anchor.receive([UInt8](repeating: 1, count: 256)) }?.name ?? ""))
    }

    @Test func `A TPM 1.2 without an owner cannot be provisioned`() throws {
        let tpm = try HardwareTPM(.tpm12)
        defer { tpm.kill() }
        let address = AnchorAddress.tpm12(.unix(path: tpm.socket))
        #expect(anchorError { try address.provision(owner: Rig.owner) }?.name == "unfit")
    }

    @Test func `Provisioning a TPM 1.2 turns its protection of NV areas on`() throws {
        let rig = try Rig(.tpm12)
        defer { rig.end() }
        #expect(try rig.with12 { try $0.permanentFlags().nvLocked })
    }

    // MARK: No room

    @Test func `A TPM 1.2 without room for the record keeps no counter either`() throws {
        let rig = try Rig(.tpm12)
        defer { rig.end() }
        let owner = Rig.owner.authData
        try rig.with12 { tpm in
            var index: UInt32 = 0x2100
            for size in [512, 64] as [UInt32] {
                while (try? tpm.defineNV(index, size: size, permissions: [.ownerWrite], owner: owner)) != nil {
                    index += 1
                }
            }
        }
        let before = try rig.with12 { (try $0.nvIndices(), try $0.counters()) }
        #expect(anchorError { try rig.provision(as: try #require(AnchorLabel("test"))) }?.name == "busy")
        #expect(try rig.with12 { (try $0.nvIndices(), try $0.counters()) } == before)
    }

    @Test func `A TPM 2.0 without room for the record keeps no counter either`() throws {
        let rig = try Rig(.tpm20)
        defer { rig.end() }
        let commands = try rig.commands20
        var index: UInt32 = 0x0180_0000
        func fill(_ size: UInt8) {
            while (try? commands.define(index, size: size, attributes: 0x0004_0004, auth: [])) != nil { index += 1 }
        }
        // Room for the counter alone.
        fill(255)
        try commands.undefine(index - 1)
        fill(8)
        try commands.undefine(index - 1)
        let before = try commands.handles(0x0100_0000)
        #expect(anchorError { try rig.provision(as: try #require(AnchorLabel("test"))) }?.name == "busy")
        #expect(try commands.handles(0x0100_0000) == before)
    }

    // MARK: The software TPM

    @Test func `A software TPM says that it protects nothing, and serves one process`() throws {
        let rig = try Rig(.software)
        defer { rig.end() }
        #expect("\(try rig.anchor.hardware)".contains("protects nothing"))
        #expect(anchorError { try rig.address.open(rig.material) }?.name == "unreachable")
        rig.close()
        _ = try rig.address.open(rig.material)
    }

    @Test func `A material is of one kind of TPM`() throws {
        let (rig, other) = (try Rig(.tpm12), try Rig(.tpm20))
        defer { for one in [rig, other] { one.end() } }
        #expect(anchorError { try other.address.open(rig.material) }?.name == "otherHardware")
        #expect(anchorError { try rig.address.open(other.material) }?.name == "otherHardware")
    }
}
