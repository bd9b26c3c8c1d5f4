import TPMCrypto
import TPMWire

/// A TPM 1.2. It takes the bytes of a command and returns those of the response; it opens no file and no socket,
/// and reads no clock.
///
/// One command at a time: the type is a value and a call mutates it.
public struct TPM: Sendable {
    public var state: TPMState
    public var environment: Environment

    /// The most bytes that a command may have.
    public static let maximumCommandSize = 4096

    public init(state: TPMState = TPMState(), environment: Environment = Environment()) {
        self.state = state
        self.environment = environment
    }

    /// TPM_Init (Part 3, 3.1): power came back; TPM_Startup must follow.
    public mutating func initialize() {
        state.any = AnyState()
        state.clear = ClearState()
    }

    /// What a command left behind.
    public struct Outcome: Sendable {
        public let response: [UInt8]
        public let result: TPMResult
    }

    /// Executes one command that arrived at `locality` (0 to 4).
    ///
    /// A command that fails changes nothing, and answers with ten bytes: TPM_TAG_RSP_COMMAND, their count and
    /// the return code (Part 2, 16).
    public mutating func execute(_ command: [UInt8], locality: Locality = .zero) -> Outcome {
        do throws(TPMResult) {
            let (header, row) = try check(command)
            // Any command but those of the SHA-1 thread ends it, when it arrives (Part 3, 13.1).
            if !Registry.sha1Thread.contains(header.ordinal) { state.any.sha1 = nil }
            guard let actions = Registry.actions(for: header.ordinal) else { throw .badOrdinal }
            var execution = Execution(
                state: state, environment: environment, row: row, locality: locality.selection)
            let body = try actions.run(command[Header.byteCount...], &execution)
            var encoder = WireEncoder(reserving: Header.byteCount + body.count)
            var response = Header(
                tag: .rspCommand, paramSize: UInt32(clamping: Header.byteCount + body.count), code: 0)
            try response.code(&encoder)
            state = execution.state
            return Outcome(response: encoder.bytes + body, result: .success)
        } catch {
            // A failed self-test shuts the TPM down, whatever the command (Part 3, 4.1 action 2).
            if error == .failedSelfTest { state.any.isFailed = true }
            return Outcome(response: Self.failure(error), result: error)
        }
    }

    /// The checks that all commands share, before any operand is looked at.
    private func check(_ command: [UInt8]) throws(TPMResult) -> (Header, OrdinalRow) {
        guard command.count >= Header.byteCount, command.count <= Self.maximumCommandSize else {
            throw .badParamSize
        }
        let header = try WireDecoder.decode(Header.self, from: command[..<Header.byteCount])
        guard header.paramSize == UInt32(clamping: command.count) else { throw .badParamSize }
        guard let row = OrdinalTable.row(for: header.ordinal) else { throw .badOrdinal }
        if state.any.isFailed, header.ordinal != .getTestResult { throw .failedSelfTest }
        if state.any.postInitialise, header.ordinal != .startup { throw .invalidPostInit }
        switch header.tag {
        case .rquCommand where row.rqu, .rquAuth1 where row.auth1, .rquAuth2 where row.auth2: break
        default: throw .badTag
        }
        if state.permanent.disable, row.availableDisabled == .no { throw .disabled }
        if state.clear.deactivated, row.availableDeactivated == .no { throw .deactivated }
        if !state.permanent.hasOwner, !row.noOwner { throw .noSRK }
        return (header, row)
    }

    /// The only form of a failed command's response (Part 2, 16).
    static func failure(_ result: TPMResult) -> [UInt8] {
        let code = result.rawValue
        return [0x00, 0xc4, 0, 0, 0, 10] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: code >> $0) }
    }
}
