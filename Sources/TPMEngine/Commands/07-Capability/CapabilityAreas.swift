import TPMWire

/// The table of Part 2, 21.1: what TPM_GetCapability answers for each area, a line an area in the table's order.
extension Execution {
    /// The answer's bytes. TPM_BAD_MODE for a subCap that the area does not have or that has another size; a value that
    /// only asks whether something is supported is FALSE when nobody knows it (Part 2, 21.1 action 3).
    func capability(_ area: CapabilityArea, _ subCap: SubCap) throws(TPMResult) -> [UInt8] {
        switch area {
        case .ord: bool(supports(Ordinal(rawValue: try subCap.uint32())))
        case .alg: bool(try subCap.uint32() == AlgorithmID.rsa.rawValue)
        case .pid: bool(supports(ProtocolID(rawValue: try subCap.uint16())))
        case .flag: try flags(try subCap.uint32())
        case .property: try property(try subCap.property())
        case .version: try StructVer().encoded()
        case .keyHandle: try handles(of: .key)
        case .checkLoaded: bool(canLoad(try subCap.structure(KeyParms.self)))
        case .symMode: bool(supports(SymMode(rawValue: try subCap.uint32())))
        case .keyStatus: bool(try isOwnerEvict(KeyHandle(rawValue: try subCap.uint32())))
        case .nvList: state.permanent.nv.areas.keys.sorted().flatMap(uint32)
        case .mfr: TPMVersion.name
        case .nvIndex: try nvPublic(try subCap.uint32()).encoded()
        case .transAlg: bool(supportsInTransport(AlgorithmID(rawValue: try subCap.uint32())))
        case .handle: try handles(of: ResourceType(rawValue: try subCap.uint32()))
        case .transES: bool(supportsInTransport(EncScheme(rawValue: try subCap.uint16())))
        case .authEncrypt: bool([.aes128, .xor].contains(AlgorithmID(rawValue: try subCap.uint32())))
        case .selectSize: bool(try supports(try subCap.structure(SelectSize.self)))
        case .daLogic: try daLogic(EntityType(rawValue: try subCap.uint16()))
        case .versionVal: try TPMVersion.info.encoded()
        }
    }

    /// TPM_CAP_FLAG.
    private func flags(_ subCap: UInt32) throws(TPMResult) -> [UInt8] {
        switch CapabilityFlags(rawValue: subCap) {
        case .permanent: try state.permanent.flags.encoded()
        case .volatile: try state.clear.flags.encoded()
        case nil: throw .badMode
        }
    }

    /// TPM_CAP_HANDLE; TPM_BAD_MODE for a resource that has no handles.
    private func handles(of resource: ResourceType?) throws(TPMResult) -> [UInt8] {
        let handles: [UInt32] =
            switch resource {
            case .key: state.keys.handles.map(\.rawValue)
            case .auth: state.any.sessions.sessions.map(\.handle)
            // The counts of the saved sessions stand for handles.
            case .context: state.any.contexts.outstanding
            case .trans: state.any.transports.sessions.map(\.transHandle)
            case .daaTPM: state.any.daaSessions.sessions.map(\.handle)
            case .counter: state.permanent.counters.counters.map(\.countID)
            default: throw .badMode
            }
        return try KeyHandleList(handle: handles.map { KeyHandle(rawValue: $0) }).encoded()
    }

    /// TPM_CAP_KEY_STATUS; TPM_INVALID_KEYHANDLE.
    private func isOwnerEvict(_ handle: KeyHandle) throws(TPMResult) -> Bool {
        guard let slot = state.keys.slot(handle) else { throw .invalidKeyHandle }
        return slot.isOwnerEvict
    }

    /// TPM_CAP_NV_INDEX; TPM_BADINDEX for an index that TPM_CAP_NV_LIST does not list.
    private func nvPublic(_ index: UInt32) throws(TPMResult) -> NVDataPublic {
        var info = try state.permanent.nv.area(index).pubInfo
        let locks = state.clear.nvLocks[index, default: NVLocks()]
        info.bReadSTClear = locks.bReadSTClear
        info.bWriteSTClear = locks.bWriteSTClear
        return info
    }
}

// MARK: - What is supported

extension Execution {
    private func supports(_ ordinal: Ordinal) -> Bool { Registry.actions(for: ordinal) != nil }

    /// A protocol is there when the command that starts it is.
    private func supports(_ protocolID: ProtocolID?) -> Bool {
        switch protocolID {
        case .oiap: supports(.oiap)
        case .osap, .adip: supports(.osap)
        case .adcp: supports(.changeAuth)
        case .owner: supports(.takeOwnership)
        case .dsap: supports(.dsap)
        case .transport: supports(.establishTransport)
        case nil: false
        }
    }

    /// TPM_CAP_CHECK_LOADED: a key that some usage allows, and a slot for it.
    private func canLoad(_ parms: KeyParms) -> Bool {
        guard (try? parms.rsaSize()) != nil, state.keys.freeCount > 0 else { return false }
        return KeyUsage.allCases.contains {
            $0.allowedEncSchemes.contains(parms.encScheme) && $0.allowedSigSchemes.contains(parms.sigScheme)
        }
    }

    /// The TPM encrypts in counter and output feedback mode, which TPM_SYM_MODE does not know.
    private func supports(_ mode: SymMode?) -> Bool { false }

    private func supportsInTransport(_ algorithm: AlgorithmID?) -> Bool {
        guard let algorithm, supports(.establishTransport) else { return false }
        return [.mgf1, .aes128].contains(algorithm)
    }

    private func supportsInTransport(_ scheme: EncScheme?) -> Bool {
        guard let scheme, supports(.establishTransport) else { return false }
        return [.symCTR, .symOFB].contains(scheme)
    }

    /// TPM_CAP_SELECT_SIZE; TPM_BAD_PARAMETER for a version that is neither 1.1 nor 1.2 (Part 2, 5.18).
    private func supports(_ select: SelectSize) throws(TPMResult) -> Bool {
        guard select.major == 1, (1...2).contains(select.minor) else { throw .badParameter }
        return (1...PCRBank.count / 8).contains(Int(select.reqSize))
    }
}

// MARK: - Encoding

extension Execution {
    func bool(_ value: Bool) -> [UInt8] { [value ? 1 : 0] }

    func uint32(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
