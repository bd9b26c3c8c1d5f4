import Foundation
import Glibc
import TPMClient
import TPMCrypto
import TPMWire

/// The TPM of a guest, and what is remembered of it.
struct GuestTPM: Sendable {
    /// The secret of `vtpm … --owner-auth-file` with a file of this line.
    static var ownerAuth: Secret { Secret(passphrase: Secret(Array("the owner of the guest".utf8))) }
    private static var sealedData: Secret { Secret(Array("the key of the guest's disk".utf8)) }

    let address: TPMAddress
    /// The name of its socket or device.
    let name: String
    private let directory: String

    init(_ address: TPMAddress, rememberedIn directory: String) throws {
        self.address = address
        let path: String
        switch address {
        case .unix(let socket): path = socket
        case .device(let device): path = device
        case .tcp(_, let port): path = "\(port)"
        }
        name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        self.directory = directory + "/" + name
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    }

    /// Connects; a manager that is just starting gets ten seconds to listen.
    func client() throws -> TPMClient {
        let end = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < end {
            if let transport = try? address.open(timeout: .seconds(60)) { return TPMClient(transport) }
            usleep(10_000)
        }
        return TPMClient(try address.open(timeout: .seconds(60)))
    }

    /// What one of its places must hold.
    func record(of place: Place) throws -> Record { try Record(path: path(place.rawValue)) }

    /// Takes ownership of a new TPM, which came with its endorsement key, and makes all that ``verify()`` looks for.
    func own() throws {
        let client = try client()
        try client.takeOwnership(owner: Self.ownerAuth)
        try keep(try client.createKey(.template(.signing)), as: "key")
        try keep(try client.seal(Self.sealedData), as: "sealed")
        for place in Place.allCases {
            try place.define(in: client)
            _ = try Record(path: path(place.rawValue), beginningWith: try place.read(from: client))
        }
        say("\(name) is owned")
    }

    /// Counts up in each place so many times.
    func advance(times: Int) throws {
        let client = try client()
        for place in Place.allCases {
            let record = try record(of: place)
            var number = try place.read(from: client)
            try record.check(number, in: place, of: name)
            try client.withOIAP(place.secret, continues: true) { session in
                for _ in 0..<times {
                    number += 1
                    try record.willSend(number)
                    try place.write(number, to: client, session)
                    try record.isKept(number)
                }
            }
        }
        say("\(name) advanced")
    }

    /// - Throws: when the owner, the key, the sealed data or a number is lost.
    func verify() throws {
        let client = try client()
        _ = try client.storageRootKey(owner: Self.ownerAuth)
        let key = try remembered(Key.self, "key")
        let digest = SHA1.hash(UInt32.random(in: 0...UInt32.max))
        try client.withKey(key) { handle in
            let publicKey = try RSAPublicKey(try client.publicKey(handle))
            let signature = try client.sign(digest, with: handle)
            guard publicKey.verifyPKCS1(digestInfo: DigestInfo.sha1(digest), signature: signature) else {
                throw LoadFailure("LOST key of \(name): its signature is wrong")
            }
        }
        guard try client.unseal(try remembered(SealedBlob.self, "sealed")) == Self.sealedData else {
            throw LoadFailure("LOST sealed data of \(name)")
        }
        for place in Place.allCases {
            try record(of: place).check(try place.read(from: client), in: place, of: name)
        }
        say("\(name) is whole")
    }

    private func path(_ file: String) -> String { directory + "/" + file }

    private func keep(_ structure: some WireStructure, as file: String) throws {
        try Data(try structure.encoded()).write(to: URL(fileURLWithPath: path(file)))
    }

    private func remembered<Structure: WireStructure>(_ type: Structure.Type, _ file: String) throws -> Structure {
        try WireDecoder.decode(type, from: Array(try Data(contentsOf: URL(fileURLWithPath: path(file)))))
    }
}
