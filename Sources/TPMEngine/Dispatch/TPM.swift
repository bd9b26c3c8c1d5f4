import TPMCrypto
import TPMWire

/// A TPM 1.2. It takes the bytes of a command and returns those of the response; it opens no file and no socket,
/// and reads no clock but the one it was handed.
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
        state.any.ticks = TickSession(start: environment.clock.microseconds)
        state.clear = ClearState()
        state.keys.keepOwnerEvict()
        restartLockout()
    }

    /// Shuts the TPM down until the next TPM_Init, as a failed self-test does. What TPM_SaveState kept is gone
    /// (Part 1, 9.2 action 10), and no TPM_Startup is awaited (Part 3, 3.2 description 1).
    public mutating func fail() {
        state.any.isFailed = true
        state.any.postInitialise = false
        if state.saved != nil { state.saved = nil }
    }

    /// What a command left behind.
    public struct Outcome: Sendable {
        public let response: [UInt8]
        public let result: TPMResult
        /// True when the state that outlives power changed: it must be safe before the response leaves.
        public let changesPermanentState: Bool

        /// The outcome of a command that was not executed, and changed nothing.
        public static func refusal(_ result: TPMResult) -> Outcome {
            Outcome(response: TPM.failure(result), result: result, changesPermanentState: false)
        }
    }

    /// Executes one command that arrived at `locality` (0 to 4).
    ///
    /// A command that fails changes nothing but the sessions that it named, DAA sessions too, and the count of failed
    /// authorizations, and answers with ten bytes: TPM_TAG_RSP_COMMAND, their count and the return code (Part 2, 16).
    public mutating func execute(_ command: [UInt8], locality: Locality = .zero) -> Outcome {
        endExclusiveTransport(unlessNamedBy: command)
        return execute(command, locality: locality, in: nil)
    }

    /// Executes a command that came by itself, or in the transport session whose TPM_ExecuteTransport carried it.
    mutating func execute(_ command: [UInt8], locality: Locality, in wrapper: TransportPublic?) -> Outcome {
        let before = state
        endSHA1Thread(unlessContinuedBy: command)
        let header: Header
        let row: OrdinalRow
        let actions: any CommandActions.Type
        do throws(TPMResult) {
            (header, row, actions) = try check(command)
        } catch {
            return outcome(Self.failure(error), error, since: before)
        }
        var execution = Execution(
            state: state, environment: environment, row: row, arrival: locality, wrapper: wrapper)
        do throws(TPMResult) {
            let response = try actions.run(command, tag: header.tag, &execution)
            state = execution.state
            if header.ordinal != .saveState { dropSavedState(unlessUnchangedSince: before) }
            return outcome(response, .success, since: before)
        } catch {
            // A failed self-test shuts the TPM down, whatever the command (Part 3, 4.1 action 2), as an audit does that
            // cannot be made (Part 3, 8.2 item 1).
            if error == .failedSelfTest || error == .auditFailSuccessful { fail() }
            // A command that returns an error ends its sessions, unless it only has to be sent again (Part 3, 18.2).
            if !error.isNonFatal { execution.authorization.endSessions(in: &state.any) }
            if execution.authorization.hasFailed { countFailure(of: header.ordinal) }
            if let handle = execution.daaHandle, !error.isNonFatal { state.any.daaSessions.close(handle) }
            // The thread ends with this command, also when it fails (Part 3, 13.4), and may with blocks that are none
            // (13.2 actions 2.b and 3.b).
            if header.ordinal == .sha1CompleteExtend || error == .shaError { state.any.sha1 = nil }
            dropSavedState(unlessUnchangedSince: before)
            return outcome(Self.failure(error), error, since: before)
        }
    }

    /// Takes back a command that succeeded and cannot be answered so, for it could not be stored, say. It leaves what one
    /// leaves that failed: the sessions that it named are ended (Part 3, 18.2).
    ///
    /// - Parameter before: the state before the command.
    public mutating func takeBack(_ command: [UInt8], since before: TPMState) {
        state = before
        let ordinal = Self.ordinal(of: command)
        var decoder = WireDecoder(command[...])
        var tag: UInt16 = 0
        guard (try? decoder.uint16("tag", &tag)) != nil else { return }
        let count = tag == CommandTag.rquAuth2.rawValue ? 2 : tag == CommandTag.rquAuth1.rawValue ? 1 : 0
        var authorization = Authorization()
        try? authorization.begin(ordinal, trailers: command.suffix(count * AuthRequest.byteCount))
        authorization.endSessions(in: &state.any)
    }

    private func outcome(_ response: [UInt8], _ result: TPMResult, since before: TPMState) -> Outcome {
        Outcome(
            response: response, result: result, changesPermanentState: state.changesPermanentState(since: before))
    }

    /// What TPM_SaveState kept is void once it differs from what it mirrors (Part 3, 3.3).
    private mutating func dropSavedState(unlessUnchangedSince before: TPMState) {
        if state.saved != nil, state.changesSavedState(since: before) { state.saved = nil }
    }

    /// The checks that all commands share, before any operand is looked at.
    private func check(_ command: [UInt8]) throws(TPMResult) -> (Header, OrdinalRow, any CommandActions.Type) {
        guard command.count >= Header.byteCount, command.count <= Self.maximumCommandSize else {
            throw .badParamSize
        }
        var decoder = WireDecoder(command[..<Header.byteCount])
        var header = Header()
        try header.code(&decoder)
        guard header.paramSize == UInt32(clamping: command.count) else { throw .badParamSize }
        guard let row = OrdinalTable.row(for: header.ordinal), let actions = Registry.actions(for: header.ordinal)
        else { throw .badOrdinal }
        if state.any.isFailed {
            guard Self.worksInFailureMode.contains(header.ordinal) else { throw .failedSelfTest }
        } else if state.any.postInitialise, header.ordinal != .startup {
            throw .invalidPostInit
        }
        if state.permanent.flags.disable, row.availableDisabled == .no { throw .disabled }
        if state.clear.flags.deactivated, row.availableDeactivated == .no { throw .deactivated }
        if !state.permanent.hasOwner, !row.noOwner { throw .noSRK }
        switch header.tag {
        case .rquCommand where row.rqu, .rquAuth1 where row.auth1, .rquAuth2 where row.auth2: break
        default: throw .badTag
        }
        return (header, row, actions)
    }

    /// Any command but those of the SHA-1 thread ends it, when it arrives (Part 3, 13.1). They may arrive in a
    /// transport session (Part 1, 4.2.6), in which it is the wrapped command that counts.
    private mutating func endSHA1Thread(unlessContinuedBy command: [UInt8]) {
        guard state.any.sha1 != nil else { return }
        let ordinal = Self.ordinal(of: command)
        if ordinal != .executeTransport, !SHA1Thread.ordinals.contains(ordinal) { state.any.sha1 = nil }
    }

    /// Any command but TPM_ExecuteTransport and TPM_ReleaseTransportSigned in the exclusive transport session ends that
    /// session, when it arrives, and is executed all the same (Part 1, 18.3; Part 2, 7.3 action 3).
    private mutating func endExclusiveTransport(unlessNamedBy command: [UInt8]) {
        guard let exclusive = state.any.transports.exclusive else { return }
        // The transport session's trailer is the last.
        let handle = command.suffix(AuthRequest.byteCount).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        switch Self.ordinal(of: command) {
        case .executeTransport where handle == exclusive.transHandle,
            .releaseTransportSigned where handle == exclusive.transHandle:
            break
        default: state.any.transports.close(exclusive.transHandle)
        }
    }

    /// The ordinal of a command that nothing is known of yet.
    private static func ordinal(of command: [UInt8]) -> Ordinal {
        Ordinal(rawValue: command.dropFirst(Header.byteCount - 4).prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// What helps to find out why the TPM is in failure mode (Part 1, 9.2); TPM_GetCapability tells less than else.
    private static let worksInFailureMode: Set<Ordinal> = [.getTestResult, .getCapability]

    /// The only form of a failed command's response (Part 2, 16).
    public static func failure(_ result: TPMResult) -> [UInt8] {
        let code = result.rawValue
        return [0x00, 0xc4, 0, 0, 0, 10] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: code >> $0) }
    }
}
