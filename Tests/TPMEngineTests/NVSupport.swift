import TPMClient
import TPMCrypto
import TPMWire

@testable import TPMEngine

extension NVDataPublic {
    /// The description of an area; every PCR value and locality reads and writes it unless told.
    static func area(
        _ index: UInt32, _ attributes: NVPermissions, size: UInt32, read: PCRInfoShort = PCRInfoShort(),
        write: PCRInfoShort = PCRInfoShort()
    ) -> NVDataPublic {
        var info = NVDataPublic()
        info.nvIndex = index
        info.permission = NVAttributes(attributes: attributes)
        info.dataSize = size
        info.pcrInfoRead = read
        info.pcrInfoWrite = write
        return info
    }
}

extension PCRInfoShort {
    /// Any PCR values, some localities.
    static func at(_ localities: LocalitySelection) -> PCRInfoShort {
        PCRInfoShort(pcrSelection: PCRSelection(), localityAtRelease: localities, digestAtRelease: .zero)
    }

    /// What one register has to hold, at any locality.
    static func pcr(_ index: Int, _ value: Digest) throws -> PCRInfoShort {
        let selection = PCRSelection(indices: [index])
        let composite = PCRComposite(select: selection, pcrValue: [value])
        return PCRInfoShort(
            pcrSelection: selection, localityAtRelease: .all, digestAtRelease: SHA1.hash(try composite.encoded()))
    }
}

extension OwnedTPM {
    /// An index that nobody reserved.
    static let index: UInt32 = 0x1_0001
    /// The secret of the areas that ``define(_:)`` makes.
    static let nvAuth = Secret([UInt8](repeating: 0x66, count: 20))

    /// A TPM whose NV areas are protected.
    static func withProtectedNV(_ stage: Stage = .owned) -> OwnedTPM {
        let tpm = OwnedTPM(stage)
        tpm.tpm.state.permanent.flags.nvLocked = true
        return tpm
    }

    /// Defines an area with the owner's authorization and ``nvAuth`` as its secret.
    func define(_ info: NVDataPublic) throws {
        let session = try ownerOSAP(continues: false)
        _ = try client.execute(
            NVDefineSpace.self, .init(pubInfo: info, encAuth: try session.hide(Self.nvAuth)), session)
    }

    /// What defining an area with the owner's authorization answers.
    func codeOfDefining(_ info: NVDataPublic) -> TPMResult? { result { try define(info) } }

    /// What defining an area without authorization answers.
    func codeOfDefiningUnauthorized(_ info: NVDataPublic) -> TPMResult? {
        code(NVDefineSpace.self, .init(pubInfo: info, encAuth: Self.nvAuth))
    }

    /// What TPM_NV_WriteValue answers.
    func write(
        _ data: [UInt8], to index: UInt32 = OwnedTPM.index, at offset: UInt32 = 0, _ sessions: Session...
    ) -> TPMResult? {
        result {
            _ = try client.execute(
                NVWriteValue.self, .init(nvIndex: index, offset: offset, data: data), sessions: sessions)
        }
    }

    /// What TPM_NV_WriteValueAuth answers with the area's secret.
    func writeAuth(_ data: [UInt8], to index: UInt32 = OwnedTPM.index, at offset: UInt32 = 0) -> TPMResult? {
        result {
            _ = try client.execute(
                NVWriteValueAuth.self, .init(nvIndex: index, offset: offset, data: data), try client.oiap(Self.nvAuth))
        }
    }

    /// What TPM_NV_ReadValue reads.
    func read(
        _ count: UInt32, from index: UInt32 = OwnedTPM.index, at offset: UInt32 = 0, _ sessions: Session...
    ) -> Result<[UInt8], TPMResult> {
        reading {
            try client.execute(
                NVReadValue.self, .init(nvIndex: index, offset: offset, dataSize: count), sessions: sessions
            ).data
        }
    }

    /// What TPM_NV_ReadValueAuth reads with the area's secret.
    func readAuth(
        _ count: UInt32, from index: UInt32 = OwnedTPM.index, at offset: UInt32 = 0
    ) -> Result<[UInt8], TPMResult> {
        reading {
            try client.execute(
                NVReadValueAuth.self, .init(nvIndex: index, offset: offset, dataSize: count),
                try client.oiap(Self.nvAuth)
            ).data
        }
    }

    private func reading(_ body: () throws -> [UInt8]) -> Result<[UInt8], TPMResult> {
        do { return .success(try body()) } catch { return .failure((error as? ClientError)?.result ?? .success) }
    }

    /// The bytes of an area, whoever may read it; nil without one.
    func contents(_ index: UInt32 = OwnedTPM.index) -> [UInt8]? { tpm.state.permanent.nv.areas[index]?.data }
}
