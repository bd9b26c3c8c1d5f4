import TPMClient
import TPMCrypto
import TPMWire

@testable import TPMEngine

func be16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

extension OwnedTPM {
    /// What TPM_GetCapability answers.
    func capability(_ area: UInt32, _ subCap: [UInt8]) -> Result<[UInt8], TPMResult> {
        tpm.send(GetCapability.self, .init(capArea: area, subCap: subCap)).map(\.resp)
    }

    func capability(_ area: CapabilityArea, _ subCap: [UInt8]) -> Result<[UInt8], TPMResult> {
        capability(area.rawValue, subCap)
    }

    /// The answer of an area that says TRUE or FALSE; nil for any other answer.
    func isTrue(_ area: CapabilityArea, _ subCap: [UInt8]) -> Bool? {
        switch capability(area, subCap) {
        case .success([0]): false
        case .success([1]): true
        default: nil
        }
    }

    /// The number that a property is; nil for an answer of another size.
    func number(_ property: CapabilityProperty) -> UInt32? {
        guard case .success(let bytes) = capability(.property, be32(property.rawValue)), bytes.count == 4 else {
            return nil
        }
        return bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Loads one key into every slot that is free.
    func fillKeySlots() throws {
        let blob = try create(OwnedTPM.template(.signing))
        while tpm.state.keys.freeCount > 0 { _ = try load(blob) }
    }
}
