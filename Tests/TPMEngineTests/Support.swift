import TPMCrypto
import TPMWire

@testable import TPMEngine

/// A TPM after TPM_Init and TPM_Startup(ST_CLEAR), with a random source that repeats from run to run.
func startedTPM() -> TPM {
    var tpm = TPM(environment: Environment(random: SeededRandom(seed: Array("engine tests".utf8))))
    tpm.initialize()
    _ = tpm.send(Startup.self, .init(.clear))
    return tpm
}

extension TPM {
    /// The bytes of a command without authorization.
    static func bytes<C: Command>(_ command: C.Type, _ request: C.Request) -> [UInt8] {
        var encoder = WireEncoder()
        var operands = request
        do {
            try operands.handles(&encoder)
            try operands.code(&encoder)
        } catch {
            return []
        }
        let size = UInt32(10 + encoder.bytes.count)
        let head = [0x00, 0xc1] + be32(size) + be32(C.ordinal.rawValue)
        return head + encoder.bytes
    }

    /// Sends a command without authorization and decodes its answer.
    mutating func send<C: Command>(
        _ command: C.Type, _ request: C.Request, locality: Locality = .zero
    ) -> Result<C.Response, TPMResult> {
        let outcome = execute(Self.bytes(command, request), locality: locality)
        guard outcome.result == .success else { return .failure(outcome.result) }
        do {
            var decoder = WireDecoder(outcome.response[10...])
            var response = C.Response()
            try response.handles(&decoder)
            try response.code(&decoder)
            try decoder.finish()
            return .success(response)
        } catch {
            return .failure(error)
        }
    }

    /// The return code of a command given as bytes.
    mutating func code(_ bytes: [UInt8], locality: Locality = .zero) -> TPMResult {
        execute(bytes, locality: locality).result
    }
}

func be32(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// The command with its last byte gone and with a byte too many, paramSize set to what is there.
func malformed(_ command: [UInt8]) -> [[UInt8]] {
    [Array(command.dropLast()), command + [0]].map { bytes in
        bytes[..<2] + be32(UInt32(bytes.count)) + bytes[6...]
    }
}
