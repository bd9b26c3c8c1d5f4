import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 12: all of it is optional.
    static var maintenance: Chapter {
        Chapter(flows: [
            Flow("12-maintenance") { pair in
                guard let ek = pair.endorsementKey else { return }
                try pair.send(ReadManuMaintPub.self, .init(antiReplay: .zero))
                try pair.send(LoadManuMaintPub.self) { side, _ in .init(antiReplay: .zero, pubKey: .rsa(ek[side])) }
                try pair.send(ReadManuMaintPub.self, .init(antiReplay: .zero))
                try pair.send(CreateMaintenanceArchive.self, .init(generateRandom: true), Pair.ownerOIAP)
                try pair.send(
                    LoadMaintenanceArchive.self, .init(archive: [1, 2], random: [3], signature: [4]), Pair.ownerOIAP)
                try pair.send(KillMaintenanceFeature.self, .init(), Pair.ownerOIAP)
                try pair.send(CreateMaintenanceArchive.self, .init(generateRandom: true), Pair.ownerOIAP)
            }
        ])
    }
}
