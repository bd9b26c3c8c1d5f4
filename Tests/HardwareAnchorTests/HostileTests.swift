import Emulators
import TPMClient
import TPMCrypto
import Testing

@testable import HardwareAnchor

/// Hardware that answers what it likes, or somebody on the way to it who does.
@Suite struct HostileTests {
    typealias Kind = AnchorHardware.Kind

    /// An anchor whose answers come through a relay.
    private struct Line {
        let rig: Rig
        let relay: Relay
        let address: AnchorAddress
        let anchor: any HardwareAnchor

        init(_ kind: Kind) throws {
            rig = try Rig(kind)
            relay = try Relay(to: try #require(rig.tpm).socket)
            address = kind == .tpm20 ? .tpm20(tcti: "swtpm:path=\(relay.socket)") : .tpm12(.unix(path: relay.socket))
            // An answer that is lost can leave something loaded, which only a restart or this removes.
            var options = AnchorOptions(timeout: .seconds(5), isOnlyUser: true)
            options.patience = .milliseconds(500)
            anchor = try address.open(rig.material, options: options)
        }

        func end() {
            rig.end()
            relay.end()
        }
    }

    /// Changes that are the same in each run.
    private struct Noise: RandomNumberGenerator {
        private var state: UInt64

        init(_ seed: UInt64) { state = seed }

        /// SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            return word ^ word >> 31
        }
    }

    private static func changed(_ answer: [UInt8], _ noise: inout Noise) -> [UInt8] {
        var answer = answer
        switch UInt8.random(in: 0..<6, using: &noise) {
        case 0...2:
            let index = Int.random(in: 0..<answer.count, using: &noise)
            answer[index] ^= 1 << UInt8.random(in: 0..<8, using: &noise)
        case 3:
            // Another end, with the size made right.
            let count = Int.random(in: 10...answer.count, using: &noise)
            answer = Array(answer[..<count])
            answer[2...5] = [0, 0, UInt8(count >> 8), UInt8(count & 0xff)]
        case 4:
            // Nothing but noise behind a header that says success.
            for index in 10..<answer.count { answer[index] = UInt8.random(in: .min ... .max, using: &noise) }
        default:
            // Sizes that are too large.
            for index in 10..<answer.count where Bool.random(using: &noise) { answer[index] = 0xff }
        }
        return answer
    }

    @Test(arguments: Kind.outside, 0..<4)
    func `No answer traps, and none is believed that the TPM did not give`(kind: Kind, seed: UInt64) throws {
        let line = try Line(kind)
        defer { line.end() }
        let (anchor, relay) = (line.anchor, line.relay)
        let secret = Secret("key")
        let sealed = try anchor.seal(secret, to: try anchor.readPCRs([0]))
        let ciphertext = try anchor.receivingKey.encrypt(secret)
        let nonce = [UInt8](repeating: 3, count: 20)
        try anchor.writeRecord([1, 2, 3])
        var count = try anchor.readCounter()
        var noise = Noise(seed)
        let calls: [(any HardwareAnchor) throws -> Bool] = [
            { try $0.unseal(sealed) == secret },
            { try $0.receive(ciphertext) == secret },
            { try $0.readRecord() == [1, 2, 3] },
            { anchor in
                try anchor.writeRecord([1, 2, 3])
                return true
            },
            { anchor in
                try anchor.quote([0, 1], nonce: nonce).verify(by: anchor.quotingKey, nonce: nonce)
                return true
            },
            { anchor in
                // Of a TPM 1.2 this is not authenticated.
                let read = try anchor.readCounter()
                return kind == .tpm12 || read >= count
            },
            { try $0.incrementCounter() > count },
            { try $0.seal(secret, to: nil).count > 0 },
            { try $0.randomBytes(20).count == 20 },
            { try $0.readPCRs([0, 7]).indices == [0, 7] },
        ]
        for round in 0..<40 {
            for (number, call) in calls.enumerated() {
                let first = relay.count
                let victim = Int.random(in: 0..<12, using: &noise)
                let bytes = Noise(noise.next())
                relay.setChange { [relay] answer in
                    var bytes = bytes
                    return relay.count == first + victim + 1 ? Self.changed(answer, &bytes) : answer
                }
                do {
                    #expect(try call(anchor), "call \(number) in round \(round) believed a changed answer")
                } catch {
                    #expect(error is AnchorError, "call \(number) in round \(round): \(error)")
                }
                relay.setChange(nil)
            }
            // A changed nonce makes a secret wrong, which a TPM 1.2 counts.
            if anchorError({ try anchor.unseal(sealed) })?.name == "lockedOut" {
                try line.rig.with12 { try $0.resetLock(owner: Rig.owner.authData) }
            }
            count = max(count, try anchor.readCounter())
            #expect(try anchor.unseal(sealed) == secret)
        }
    }

    @Test(arguments: Kind.outside)
    func `Who listens on the way to the TPM hears no authorization, and of a TPM 2.0 no secret`(kind: Kind) throws {
        let line = try Line(kind)
        defer { line.end() }
        let (anchor, relay) = (line.anchor, line.relay)
        let (hardware, configured, received) = (
            Secret(count: 32, of: 1), Secret(count: 32, of: 2), Secret(count: 32, of: 3)
        )
        #expect(try anchor.unseal(anchor.seal(hardware, to: nil)) == hardware)
        #expect(try anchor.unseal(anchor.seal(configured, to: try anchor.readPCRs([0]))) == configured)
        #expect(try anchor.receive(anchor.receivingKey.encrypt(received)) == received)
        try anchor.writeRecord([1, 2, 3])
        try anchor.incrementCounter()
        let label = try #require(AnchorLabel("test"))
        if kind == .tpm20 { try line.rig.commands20.setOwner(from: [], to: Array("the owner's passphrase".utf8)) }
        let owner = kind == .tpm20 ? AnchorAuthorization.passphrase(Secret("the owner's passphrase")) : Rig.owner
        let material = try line.address.provision(as: label, owner: owner)
        // The ears are open: a record's bytes are no secret.
        #expect(relay.saw(Secret([1, 3, 1, 2, 3, 0, 0])))
        for secret in [line.rig.material.form.secret, material.form.secret, owner.authData, owner.authValue] {
            #expect(!relay.saw(secret))
        }
        guard kind == .tpm20 else { return }
        for secret in [hardware, configured, received] { #expect(!relay.saw(secret)) }
    }

    @Test(arguments: Kind.outside)
    func `Another TPM in the place of an open anchor's is noticed`(kind: Kind) throws {
        let (rig, other) = (try Rig(kind), try Rig.other(kind))
        defer { for one in [rig, other] { one.end() } }
        // The same way leads to the one and then to the other.
        let tpm = try #require(rig.tpm)
        let anchor = try rig.anchor
        let sealed = try anchor.seal(Secret("key"), to: try anchor.readPCRs([0]))
        let ciphertext = try anchor.receivingKey.encrypt(Secret("key"))
        try tpm.swap(with: try #require(other.tpm))
        let nonce = [UInt8](repeating: 3, count: 20)
        #expect(anchorError { try anchor.unseal(sealed) }?.name == "otherHardware")
        #expect(anchorError { try anchor.receive(ciphertext) }?.name == "otherHardware")
        #expect(anchorError { try anchor.quote([0], nonce: nonce) }?.name == "otherHardware")
        // The other TPM has a record and a counter in the same places.
        #expect(anchorError { try anchor.readRecord() }?.name == "missing")
        #expect(anchorError { try anchor.writeRecord([1]) }?.name == "missing")
        #expect(anchorError { try anchor.incrementCounter() }?.name == "missing")
    }
}

extension Secret {
    fileprivate init(count: Int, of byte: UInt8) { self.init((0..<count).map { UInt8($0) &* 7 &+ byte }) }
}
