import TPMCrypto
import TPMWire

/// Who asks for an NV area.
public enum NVAuthorization: Sendable {
    /// Anybody, for an area whose attributes allow it.
    case none
    /// The owner, for an area that the owner reads or writes.
    case owner(Secret)
    /// Who knows the area's own secret.
    case area(Secret)
}

extension TPMClient {
    /// Defines an NV area (Part 3, 20.1).
    ///
    /// - Parameters:
    ///   - auth: the area's own secret, which `.authRead` and `.authWrite` ask for.
    ///   - owner: nil only while the TPM has no owner.
    public func defineNV(
        _ index: UInt32, size: UInt32, permissions: NVPermissions, auth: Secret = .wellKnown, owner: Secret?
    ) throws {
        var area = NVDataPublic()
        area.nvIndex = index
        area.permission = NVAttributes(attributes: permissions)
        area.dataSize = size
        try defineNV(area, auth: auth, owner: owner)
    }

    /// Defines an NV area that is bound to PCRs or localities (Part 3, 20.1).
    public func defineNV(_ area: NVDataPublic, auth: Secret = .wellKnown, owner: Secret?) throws {
        guard let owner else {
            // Without a session there is nothing to encrypt with, and nothing is encrypted (Part 1, 13.4).
            try execute(NVDefineSpace.self, .init(pubInfo: area, encAuth: auth))
            return
        }
        try withOSAP(.owner, secret: owner) { session in
            _ = try execute(NVDefineSpace.self, .init(pubInfo: area, encAuth: try session.hide(auth)), session)
        }
    }

    /// Deletes an NV area (Part 3, 20.1).
    public func deleteNV(_ index: UInt32, owner: Secret) throws {
        try defineNV(index, size: 0, permissions: [.ownerWrite], owner: owner)
    }

    /// Reads from an NV area (Part 3, 20.4 and 20.5).
    public func readNV(
        _ index: UInt32, offset: UInt32 = 0, count: UInt32, as authorization: NVAuthorization = .none
    ) throws -> [UInt8] {
        let request = NVReadValue.Request(nvIndex: index, offset: offset, dataSize: count)
        return switch authorization {
        case .none: try execute(NVReadValue.self, request).data
        case .owner(let secret): try execute(NVReadValue.self, request, authorizedBy: secret).data
        case .area(let secret): try execute(NVReadValueAuth.self, request, authorizedBy: secret).data
        }
    }

    /// Writes to an NV area (Part 3, 20.2 and 20.3).
    public func writeNV(
        _ index: UInt32, _ data: [UInt8], offset: UInt32 = 0, as authorization: NVAuthorization = .none
    ) throws {
        let request = NVWriteValue.Request(nvIndex: index, offset: offset, data: data)
        switch authorization {
        case .none: try execute(NVWriteValue.self, request)
        case .owner(let secret): try execute(NVWriteValue.self, request, authorizedBy: secret)
        case .area(let secret): try execute(NVWriteValueAuth.self, request, authorizedBy: secret)
        }
    }
}
