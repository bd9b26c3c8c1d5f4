import TPMWire

extension GetCapabilityOwner: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        // 2. to 5.
        return Response(
            version: TPMVersion.version,
            nonVolatileFlags: bits(of: try execution.state.permanent.flags.encoded()),
            volatileFlags: bits(of: try execution.state.clear.flags.encoded()))
    }

    /// The flags of a structure, a byte each behind its tag, as bits: the first is the lowest.
    private static func bits(of flags: [UInt8]) -> UInt32 {
        flags.dropFirst(2).reversed().reduce(0) { $0 << 1 | UInt32($1 & 1) }
    }
}
