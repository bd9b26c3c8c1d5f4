import TPMCrypto
import TPMWire

/// What a TPM says about its defence against guessed secrets.
public enum LockoutInfo: Sendable, Equatable {
    case full(DAInfo)
    /// Of a TPM that was told not to help an attacker.
    case limited(DAInfoLimited)

    public var state: DAState {
        switch self {
        case .full(let info): info.state
        case .limited(let info): info.state
        }
    }
}

extension TPMClient {
    /// What a TPM can or has, as bytes (Part 3, 7.1).
    public func capability(_ area: CapabilityArea, _ subCap: [UInt8] = []) throws -> [UInt8] {
        try execute(GetCapability.self, .init(capArea: area.rawValue, subCap: subCap)).resp
    }

    /// What a TPM can or has, as the structure that the area answers with (Part 2, 21.1).
    public func capability<T: WireStructure>(
        _ area: CapabilityArea, _ subCap: [UInt8] = [], as type: T.Type
    ) throws -> T {
        let bytes = try capability(area, subCap)
        do { return try WireDecoder.decode(type, from: bytes) } catch {
            throw ClientError.badResponse(.getCapability)
        }
    }

    /// A property of up to four bytes (Part 2, 21.2).
    public func property(_ property: CapabilityProperty) throws -> UInt32 {
        let bytes = try capability(.property, Self.bytes(property.rawValue))
        guard (1...4).contains(bytes.count) else { throw ClientError.badResponse(.getCapability) }
        return bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The TPM's version, vendor and revision of the specification.
    public func versionInfo() throws -> CapVersionInfo { try capability(.versionVal, as: CapVersionInfo.self) }

    public func permanentFlags() throws -> PermanentFlags {
        try capability(.flag, Self.bytes(CapabilityFlags.permanent.rawValue), as: PermanentFlags.self)
    }

    public func volatileFlags() throws -> STClearFlags {
        try capability(.flag, Self.bytes(CapabilityFlags.volatile.rawValue), as: STClearFlags.self)
    }

    public func hasOwner() throws -> Bool { try property(.owner) != 0 }

    /// The state of the defence against guessing the secrets of a kind of entity (Part 2, 21.7 and 21.8).
    public func lockout(_ kind: EntityKind = .owner) throws -> LockoutInfo {
        let entity = EntityType(kind: kind).rawValue
        let bytes = try capability(.daLogic, [UInt8(entity >> 8), UInt8(entity & 0xff)])
        do {
            let isFull = bytes.starts(with: [0x00, UInt8(StructureTag.daInfo.rawValue & 0xff)])
            return isFull
                ? .full(try WireDecoder.decode(from: bytes)) : .limited(try WireDecoder.decode(from: bytes))
        } catch {
            throw ClientError.badResponse(.getCapability)
        }
    }

    /// The handles of the keys, sessions or other things that are loaded.
    public func handles(of kind: ResourceType) throws -> [UInt32] {
        try capability(.handle, Self.bytes(kind.rawValue), as: KeyHandleList.self).handle.map(\.rawValue)
    }

    /// The indices of the NV areas.
    public func nvIndices() throws -> [UInt32] {
        let bytes = try capability(.nvList)
        guard bytes.count % 4 == 0 else { throw ClientError.badResponse(.getCapability) }
        return stride(from: 0, to: bytes.count, by: 4).map { bytes[$0..<$0 + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    }

    /// The attributes, the size and the locks of an NV area.
    public func nvArea(_ index: UInt32) throws -> NVDataPublic {
        try capability(.nvIndex, Self.bytes(index), as: NVDataPublic.self)
    }

    /// Sets what the TPM lets be set; some of it without an owner (Part 3, 7.2).
    public func setCapability(
        _ area: SetCapabilityArea, _ subCap: UInt32, to value: [UInt8], owner: Secret? = nil
    ) throws {
        let request = SetCapability.Request(capArea: area.rawValue, subCap: Self.bytes(subCap), setValue: value)
        try execute(SetCapability.self, request, authorizedBy: owner)
    }

    /// Sets a flag of TPM_PERMANENT_FLAGS (Part 3, 7.2).
    public func setFlag(_ flag: PermanentFlag, to value: Bool, owner: Secret? = nil) throws {
        try setCapability(.permFlags, flag.rawValue, to: [value ? 1 : 0], owner: owner)
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
