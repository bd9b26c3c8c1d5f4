import TPMCrypto
import TPMWire

/// The signals of a dynamic launch: the processor measures the code that will be a trusted operating system, at
/// locality 4 and by no command (Part 2, 7.3 and 8.8; the PC Client TPM Interface Specification has the steps).
///
///     tpm.hashStart(); tpm.hashData(code); tpm.hashEnd()
///
/// A signal has no answer: ``Outcome/response`` is empty, and ``Outcome/result`` tells the platform what became of it.
extension TPM {
    /// TPM_HASH_START: the registers of the dynamic launch begin at zero, which no command can bring about in the
    /// register 17.
    ///
    /// TPM_INVALID_POSTINIT before TPM_Startup: the TPM cannot vouch for the launch, which goes on without it, so it
    /// shuts down. TPM_FAILEDSELFTEST when it is shut down already.
    public mutating func hashStart() -> Outcome {
        signal { tpm throws(TPMResult) in
            guard !tpm.state.any.postInitialise else {
                tpm.fail()
                throw .invalidPostInit
            }
            // A running thread, an exclusive session and a saved state belong to what ran before.
            tpm.state.any.sha1 = nil
            if let exclusive = tpm.state.any.transports.exclusive {
                tpm.state.any.transports.close(exclusive.transHandle)
            }
            if tpm.state.saved != nil { tpm.state.saved = nil }
            if !tpm.state.permanent.flags.tpmEstablished { tpm.state.permanent.flags.tpmEstablished = true }
            tpm.state.any.tosPresent = true
            tpm.state.clear.pcrs.startDynamicLaunch()
            tpm.state.any.launch = SHA1()
        }
    }

    /// TPM_HASH_DATA: more of what is measured, any number of bytes. TPM_SHA_THREAD outside of the other two signals.
    public mutating func hashData(_ data: some Collection<UInt8>) -> Outcome {
        let bytes = Array(data)
        return signal { tpm throws(TPMResult) in
            guard tpm.state.any.launch != nil else { throw .shaThread }
            tpm.state.any.launch?.update(bytes)
        }
    }

    /// TPM_HASH_END: the digest of the data is the first measurement in the register 17. TPM_SHA_THREAD without
    /// TPM_HASH_START.
    public mutating func hashEnd() -> Outcome {
        signal { tpm throws(TPMResult) in
            guard let launch = tpm.state.any.launch else { throw .shaThread }
            tpm.state.any.launch = nil
            tpm.state.clear.pcrs.measureDynamicLaunch(launch.finalize())
        }
    }

    private mutating func signal(_ actions: (inout TPM) throws(TPMResult) -> Void) -> Outcome {
        let before = state
        var result = TPMResult.success
        do throws(TPMResult) {
            guard !state.any.isFailed else { throw .failedSelfTest }
            try actions(&self)
        } catch {
            result = error
        }
        return Outcome(
            response: [], result: result, changesPermanentState: state.changesPermanentState(since: before))
    }
}
