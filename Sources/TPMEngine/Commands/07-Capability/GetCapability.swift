import TPMWire

extension GetCapability: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        guard let area = CapabilityArea(rawValue: request.capArea) else { throw .badMode }
        let subCap = SubCap(bytes: request.subCap)
        // 3.
        if execution.state.any.isFailed, try !survivesFailure(area, subCap) { throw .failedSelfTest }
        // 1. and 2.
        return Response(resp: try execution.capability(area, subCap))
    }

    /// True for what a TPM in failure mode still tells (action 3).
    private static func survivesFailure(_ area: CapabilityArea, _ subCap: SubCap) throws(TPMResult) -> Bool {
        switch area {
        case .version, .versionVal, .mfr: true
        case .property: [.manufacturer, .duration, .tisTimeout].contains(try subCap.property())
        default: false
        }
    }
}

/// The subCap operand: one value, whose kind the area decides.
struct SubCap {
    let bytes: [UInt8]
    /// What a value of another size is answered with.
    var wrongSize = TPMResult.badMode

    func uint16() throws(TPMResult) -> UInt16 {
        var decoder = WireDecoder(bytes, short: wrongSize)
        var value: UInt16 = 0
        try decoder.uint16("subCap", &value)
        try decoder.finish()
        return value
    }

    func uint32() throws(TPMResult) -> UInt32 {
        var decoder = WireDecoder(bytes, short: wrongSize)
        var value: UInt32 = 0
        try decoder.uint32("subCap", &value)
        try decoder.finish()
        return value
    }

    /// A whole structure; TPM_BAD_PARAM_SIZE when it is cut short or something follows it.
    func structure<T: WireStructure>(_ type: T.Type) throws(TPMResult) -> T {
        try WireDecoder.decode(type, from: bytes)
    }

    /// The subcap of TPM_CAP_PROPERTY, or TPM_BAD_MODE.
    func property() throws(TPMResult) -> CapabilityProperty {
        guard let property = CapabilityProperty(rawValue: try uint32()) else { throw .badMode }
        return property
    }
}
