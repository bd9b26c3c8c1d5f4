import TPMCrypto
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// Checks what all commands share, on one command that would succeed: its size, the gates of the ordinal table
/// (Part 2, 17) and its authorization (Part 3, 18.1).
///
///     try check(OwnerSetDisable.self, .init(disableState: true), on: tpm, try tpm.ownerSession())
///
/// - Parameters:
///   - command: is tried on copies; `tpm` itself and its sessions stay as they are.
///   - sizeErrors: what a command of the wrong size may be answered with, where the specification names more than
///     TPM_BAD_PARAMSIZE.
///   - except: checks that a command does not have, say because it ends its own precondition.
func check<C: Command>(
    _ command: C.Type, _ request: C.Request, on tpm: OwnedTPM, _ sessions: Session...,
    sizeErrors: Set<TPMResult> = [.badParamSize], except: Set<CommandCheck> = [],
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let row = try #require(OrdinalTable.row(for: C.ordinal), sourceLocation: sourceLocation)
    let checks = CommandChecks<C>(
        tpm: tpm, row: row, request: request, sessions: sessions,
        bytes: try TPMClient.encode(command, request, sessions: sessions), sourceLocation: sourceLocation)
    for check in CommandCheck.allCases where !except.contains(check) {
        switch check {
        case .success: checks.succeeds()
        case .sizes: checks.refusesOtherSizes(with: sizeErrors)
        case .tags: checks.refusesOtherTags()
        case .postInit: checks.refusesBeforeStartup()
        case .disabled:
            checks.followsAvailability(row.availableDisabled, .disabled) { $0.permanent.flags.disable = true }
        case .deactivated:
            checks.followsAvailability(row.availableDeactivated, .deactivated) { $0.clear.flags.deactivated = true }
        case .noOwner: checks.followsNoOwner()
        case .failureMode: checks.refusesInFailureMode()
        case .wrongSecret: try checks.refusesAWrongSecret()
        case .replay: checks.refusesAReplay()
        case .unknownSession: checks.refusesAnUnknownSession()
        case .transport: try checks.succeedsInATransportSession()
        }
    }
}

/// The checks, by name.
enum CommandCheck: CaseIterable {
    case success, sizes, tags, postInit, disabled, deactivated, noOwner, failureMode
    case wrongSecret, replay, unknownSession, transport
}

private struct CommandChecks<C: Command> {
    let tpm: OwnedTPM
    let row: OrdinalRow
    let request: C.Request
    let sessions: [Session]
    let bytes: [UInt8]
    let sourceLocation: SourceLocation

    /// Runs bytes on a copy of the TPM that was changed first.
    private func run(
        _ bytes: [UInt8], changing change: (inout TPM) -> Void = { _ in }
    ) -> (result: TPMResult, before: TPM, after: TPM) {
        var copy = tpm.tpm
        change(&copy)
        let before = copy
        let result = copy.execute(bytes, locality: tpm.locality).result
        return (result, before, copy)
    }

    private func expect(_ isTrue: Bool, _ what: String) {
        #expect(isTrue, "\(row.name): \(what)", sourceLocation: sourceLocation)
    }

    private func sized(_ bytes: [UInt8]) -> [UInt8] {
        bytes.count < 6 ? bytes : bytes[..<2] + be32(UInt32(bytes.count)) + bytes[6...]
    }

    func succeeds() {
        let result = run(bytes).result
        expect(result == .success, "as given it answers \(result)")
    }

    /// The same bytes in an encrypted and logged transport session (Part 3, 24.2), where one is possible.
    func succeedsInATransportSession() throws {
        let isPossible =
            ![.establishTransport, .executeTransport, .releaseTransportSigned].contains(row.ordinal)
            && tpm.tpm.state.permanent.hasOwner && !tpm.tpm.state.permanent.flags.disable
            && !tpm.tpm.state.clear.flags.deactivated && !tpm.tpm.state.any.postInitialise
        guard isPossible else { return }
        var copy = tpm.tpm
        let client = TPMClient(
            InProcessTransport { [locality = tpm.locality] in
                copy.execute($0, locality: locality).response
            })
        // As if it had been there before the command's own sessions.
        let opened = try copy.state.any.transports.open(
            TransportInternal(
                authData: Secret([UInt8](repeating: 0x77, count: 20)),
                transPublic: TransportPublic(transAttributes: [.encrypt, .log], algId: 7, encScheme: 1),
                transHandle: 0, transNonceEven: .zero, transDigest: .zero),
            start: 0x7171_7171)
        let session = TransportSession(
            client: client, transPublic: opened.transPublic,
            session: Session(
                handle: opened.transHandle, nonceEven: .zero, nonceOdd: Digest(repeating: 0x0d),
                key: opened.authData, scheme: nil, continues: true),
            log: try TransportLog(.init(), .init()), tickSession: CurrentTicks())
        let answer = try session.transmit(bytes)
        let result = TPMResult(rawValue: answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) })
        expect(result == .success, "in a transport session it answers \(result)")
    }

    // MARK: Size and tag

    func refusesOtherSizes(with errors: Set<TPMResult>) {
        for length in 0..<bytes.count {
            let run = run(sized(Array(bytes[..<length])))
            let errors = length < 10 ? [.badParamSize] : errors
            expect(errors.contains(run.result), "\(length) bytes of \(bytes.count) answer \(run.result)")
            expectUnchanged(run, "\(length) bytes of \(bytes.count)")
        }
        let overlong = run(sized(bytes + [0]))
        expect(errors.contains(overlong.result), "a byte too many answers \(overlong.result)")
        let end = bytes.count - sessions.count * AuthRequest.byteCount
        let stuffed = run(sized(bytes[..<end] + [0] + bytes[end...]))
        expect(errors.contains(stuffed.result), "a byte after the operands answers \(stuffed.result)")
        for size in [bytes.count - 1, bytes.count + 1] {
            let lying = run(bytes[..<2] + be32(UInt32(size)) + bytes[6...])
            expect(lying.result == .badParamSize, "paramSize \(size) for \(bytes.count) answers \(lying.result)")
        }
    }

    func refusesOtherTags() {
        let accepted = [(row.rqu, 0xc1), (row.auth1, 0xc2), (row.auth2, 0xc3)].filter(\.0).map(\.1)
        for tag in [0x00, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4] where !accepted.contains(tag) {
            let result = run([0, UInt8(tag)] + bytes[2...]).result
            expect(result == .badTag, "tag \(tag) answers \(result)")
        }
    }

    // MARK: Gates

    func refusesBeforeStartup() {
        guard row.ordinal != .startup else { return }
        let result = run(bytes) { $0.state.any.postInitialise = true }.result
        expect(result == .invalidPostInit, "before TPM_Startup it answers \(result)")
    }

    func followsAvailability(
        _ availability: OrdinalRow.Availability, _ error: TPMResult, _ change: (inout TPMState) -> Void
    ) {
        let result = run(bytes) { change(&$0.state) }.result
        switch availability {
        case .no: expect(result == error, "when \(error) it answers \(result)")
        case .yes: expect(result != error, "is available, and answers \(result)")
        case .sometimes: break
        }
    }

    func followsNoOwner() {
        let result = run(bytes) { $0.state.permanent.ownership = nil }.result
        if row.noOwner {
            expect(result != .noSRK, "needs no owner, and answers TPM_NOSRK")
        } else {
            expect(result == .noSRK, "without an owner it answers \(result)")
        }
    }

    func refusesInFailureMode() {
        // Part 1, 9.2 action 10.
        guard row.ordinal != .getTestResult, row.ordinal != .getCapability else { return }
        let result = run(bytes) { $0.fail() }.result
        expect(result == .failedSelfTest, "in failure mode it answers \(result)")
    }

    // MARK: Authorization

    private func failure(at index: Int) -> TPMResult { index == 0 ? .authFail : .auth2Fail }

    /// Another secret behind each session, and each byte of a trailer that the HMAC covers.
    func refusesAWrongSecret() throws {
        for (index, session) in sessions.enumerated() {
            var forged = sessions
            forged[index] = Session(
                handle: session.handle, nonceEven: session.nonceEven, nonceOdd: session.nonceOdd,
                key: Secret([UInt8](repeating: 0xee, count: 20)), scheme: session.scheme, continues: session.continues)
            let wrong = run(try TPMClient.encode(C.self, request, sessions: forged))
            expect(wrong.result == failure(at: index), "with a wrong secret \(index) it answers \(wrong.result)")
            expectOnlyTheFailureCounted(wrong, "a wrong secret \(index)")
            // nonceOdd, continueAuthSession and the HMAC.
            for offset in [4, 23, 24, 25, 44] {
                var bytes = bytes
                bytes[trailer(index) + offset] ^= 1
                let result = run(bytes).result
                expect(result == failure(at: index), "byte \(offset) of trailer \(index) turned answers \(result)")
            }
        }
    }

    /// The same bytes again, with all else as it was the first time.
    func refusesAReplay() {
        guard !sessions.isEmpty else { return }
        let first = run(bytes)
        guard first.result == .success else { return }
        let again = run(bytes) { $0.state.any.sessions = first.after.state.any.sessions }
        let isOpen = sessions.first.map { first.after.state.any.sessions[$0.handle] != nil } ?? false
        let expected = isOpen ? TPMResult.authFail : .invalidAuthHandle
        expect(again.result == expected, "the same command again answers \(again.result)")
    }

    func refusesAnUnknownSession() {
        for (index, session) in sessions.enumerated() {
            let gone = run(bytes) { $0.state.any.sessions.close(session.handle) }
            expect(gone.result == .invalidAuthHandle, "without session \(index) it answers \(gone.result)")
            expectUnchanged(gone, "without session \(index)")
        }
    }

    private func trailer(_ index: Int) -> Int { bytes.count - (sessions.count - index) * AuthRequest.byteCount }

    // MARK: What a failure leaves behind

    private func expectUnchanged(_ run: (result: TPMResult, before: TPM, after: TPM), _ what: String) {
        expect(
            run.before.state.$permanent.identity == run.after.state.$permanent.identity,
            "\(what) changes the permanent state")
    }

    private func expectOnlyTheFailureCounted(_ run: (result: TPMResult, before: TPM, after: TPM), _ what: String) {
        let (before, after) = (run.before.state.permanent, run.after.state.permanent)
        expect(after.failedAuthorizations == before.failedAuthorizations + 1, "\(what) is not counted")
        expect(before.fingerprint == after.fingerprint, "\(what) changes the permanent state")
    }
}
