import CTSS2
import Synchronization

/// What a function of tpm2-tss returned in place of success, from the TPM or from a layer between.
struct TPM20Error: Error, CustomStringConvertible {
    let code: TSS2_RC
    /// What was to be done, in the specification's words.
    let command: StaticString

    /// The TPM's response code without the number of the handle, session or parameter that it is about (TPM 2.0 Part 2,
    /// 6.6); nil when it is not the TPM's. A resource manager answers in the TPM's name.
    var response: TPM2_RC? {
        guard [Layer.tpm, .resourceManager, .resourceManagerTPM].contains(layer) else { return nil }
        let low = code & 0xffff
        return low & vtpm_rc_fmt1 == 0 ? low : vtpm_rc_fmt1 | low & 0x3f
    }

    var layer: Layer? { Layer(rawValue: code >> 16 & 0xff) }

    enum Layer: TSS2_RC {
        case tpm = 0
        case esys = 7
        case tcti = 10
        case resourceManager = 11
        case resourceManagerTPM = 12
    }

    /// Whether the call may succeed a little later.
    var passes: Bool {
        let codes = [vtpm_rc_retry, vtpm_rc_yielded, vtpm_rc_testing, vtpm_rc_nv_rate, vtpm_rc_nv_unavailable]
        return isRoom || response.map(codes.contains) == true
    }

    /// Whether there was no place for a session or an object.
    var isRoom: Bool {
        let codes = [
            vtpm_rc_context_gap, vtpm_rc_object_memory, vtpm_rc_session_memory, vtpm_rc_memory,
            vtpm_rc_session_handles, vtpm_rc_object_handles,
        ]
        return response.map(codes.contains) == true
    }

    /// Whether the authorization was wrong.
    var isAuthorization: Bool {
        let codes = [vtpm_rc_bad_auth, vtpm_rc_auth_fail, vtpm_rc_nv_authorization]
        return response.map(codes.contains) == true
    }

    var description: String {
        let digits = "0x" + String(code, radix: 16)
        // The text may lie in a buffer that the next call changes.
        let text = Self.decoding.withLock { _ in Tss2_RC_Decode(code).map { String(cString: $0) } }
        return "\(command): \(text ?? "error") (\(digits))."
    }

    private static let decoding = Mutex(())
}

extension AnchorError {
    /// From what a call to a TPM 2.0 throws, unless a more fitting error is known.
    init(tpm20 error: any Error) {
        switch error {
        case let error as AnchorError: self = error
        case let error as TPM20Error: self = Self.refusal(error)
        default: self = .failed("\(error).")
        }
    }

    private static func refusal(_ error: TPM20Error) -> AnchorError {
        if error.layer == .tcti { return .unreachable("\(error)") }
        if error.code == vtpm_esys_rc_auth_failed { return .failed("its answer is not authentic. \(error)") }
        if error.passes {
            return .busy(
                "\(error) End what else uses the TPM, use it through /dev/tpmrm0, or say that the anchor is its "
                    + "only user.")
        }
        return switch error.response {
        case vtpm_rc_nv_space?: .busy("\(error) Remove NV indices that nobody needs.")
        case vtpm_rc_lockout?: .lockedOut("\(error)")
        case vtpm_rc_initialize?: .unfit("\(error) The firmware has to start the TPM.")
        default: .failed("\(error)")
        }
    }
}
