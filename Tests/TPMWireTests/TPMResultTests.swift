import Testing

@testable import TPMWire

@Suite("Return codes (Part 2, section 16)")
struct TPMResultTests {
    @Test("The list is complete, ascending and without repeats")
    func list() {
        let numbers = TPMResult.all.map(\.rawValue)
        #expect(numbers == Array(0...95) + Array(97...99) + Array(0x800...0x803))
    }

    @Test("Names are unique and well formed")
    func names() {
        let names = TPMResult.all.compactMap(\.name)
        #expect(names.count == TPMResult.all.count)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.hasPrefix("TPM_") && $0 == $0.uppercased() })
    }

    @Test("Every code has a meaning of one line, and no two share one")
    func meanings() {
        let meanings = TPMResult.all.compactMap(\.meaning)
        #expect(Set(meanings).count == TPMResult.all.count)
        #expect(meanings.allSatisfy { !$0.isEmpty && !$0.contains("\n") })
    }

    @Test(
        "Codes have their numbers and names",
        arguments: [
            (TPMResult.success, 0, "TPM_SUCCESS"),
            (.authFail, 1, "TPM_AUTHFAIL"),
            (.badParameter, 3, "TPM_BAD_PARAMETER"),
            (.badOrdinal, 10, "TPM_BAD_ORDINAL"),
            (.noSRK, 18, "TPM_NOSRK"),
            (.badParamSize, 25, "TPM_BAD_PARAM_SIZE"),
            (.auth2Fail, 29, "TPM_AUTH2FAIL"),
            (.badTag, 30, "TPM_BADTAG"),
            (.invalidPostInit, 38, "TPM_INVALID_POSTINIT"),
            (.inappropriateSig, 39, "TPM_INAPPROPRIATE_SIG"),
            (.badKeyProperty, 40, "TPM_BAD_KEY_PROPERTY"),
            (.noWrapTransport, 47, "TPM_NO_WRAP_TRANSPORT"),
            (.badLocality, 61, "TPM_BAD_LOCALITY"),
            (.maxNVWrites, 72, "TPM_MAXNVWRITES"),
            (.badHandle, 88, "TPM_BAD_HANDLE"),
            (.maAuthority, 95, "TPM_MA_AUTHORITY"),
            (.permanentEK, 97, "TPM_PERMANENTEK"),
            (.noContextSpace, 99, "TPM_NOCONTEXTSPACE"),
            (.retry, 0x800, "TPM_RETRY"),
            (.defendLockRunning, 0x803, "TPM_DEFEND_LOCK_RUNNING"),
        ] as [(TPMResult, UInt32, String)])
    func numbers(code: TPMResult, number: UInt32, name: String) {
        #expect(code.rawValue == number)
        #expect(code.name == name)
    }

    @Test("Undefined codes have no name", arguments: [96, 100, 0x3FF, 0x400, 0x804, UInt32.max])
    func unknown(number: UInt32) {
        let code = TPMResult(rawValue: number)
        #expect(code.name == nil)
        #expect(code.meaning == nil)
    }

    @Test("Only 0x800 to 0xFFF is non-fatal")
    func nonFatal() {
        #expect(TPMResult.all.filter(\.isNonFatal) == [.retry, .needsSelfTest, .doingSelfTest, .defendLockRunning])
        #expect(!TPMResult(rawValue: 0x7FF).isNonFatal)
        #expect(TPMResult(rawValue: 0xC00).isNonFatal)
        #expect(TPMResult(rawValue: 0xFFF).isNonFatal)
        #expect(!TPMResult(rawValue: 0x1800).isNonFatal)
    }

    @Test("The bit 0x400 marks a manufacturer's code")
    func vendorSpecific() {
        #expect(TPMResult.all.allSatisfy { !$0.isVendorSpecific })
        #expect(TPMResult(rawValue: 0x400).isVendorSpecific && TPMResult(rawValue: 0xFFF).isVendorSpecific)
        #expect(!TPMResult(rawValue: 0x8FF).isVendorSpecific && !TPMResult(rawValue: 0x1400).isVendorSpecific)
    }

    @Test("Descriptions carry the name and the number")
    func descriptions() {
        #expect(TPMResult.authFail.description == "TPM_AUTHFAIL (0x00000001)")
        #expect(TPMResult.doingSelfTest.description == "TPM_DOING_SELFTEST (0x00000802)")
        #expect(TPMResult(rawValue: 0x4AB).description == "0x000004AB")
        #expect(TPMResult(rawValue: .max).description == "0xFFFFFFFF")
    }
}
