import TPMClient
import TPMCrypto
import TPMWire

/// A field of an answer, by its name in the specification.
struct AnswerField: Equatable {
    let name: String
    let value: String
}

/// What a TPM made of a command.
enum Outcome: Equatable, CustomStringConvertible {
    /// The return code, and of a success the answer's fields that ought to be equal on both sides.
    case answer(TPMResult, [AnswerField])
    /// An answer that does not decode or is not authentic; a sentence.
    case nonsense(String)
    /// The connection was closed.
    case silence

    var result: TPMResult? { if case .answer(let result, _) = self { result } else { nil } }

    var description: String {
        switch self {
        case .answer(let result, _): result.name ?? "\(result)"
        case .nonsense(let sentence): sentence
        case .silence: "no answer"
        }
    }

    /// The outcome of an error that a client's call threw.
    init(_ error: any Error) {
        switch error {
        case ClientError.tpm(let result, _): self = .answer(result, [])
        case ClientError.transport: self = .silence
        default: self = .nonsense("\(error)")
        }
    }
}

extension Command {
    /// The answer's fields with what is each TPM's own replaced by its size.
    static func comparable(_ response: Response) -> [AnswerField] {
        var response = response
        var describer = WireDescriber(showsSecrets: true)
        do {
            try response.handles(&describer)
            try response.code(&describer)
        } catch {
            return []
        }
        return describer.fields.map { field in
            let isOwn = PerTPM.isOwn(field.name, of: ordinal)
            let own = AnswerField(name: field.name, value: field.value)
            return isOwn ? AnswerField(name: own.name, value: PerTPM.shape(own, of: ordinal)) : own
        }
    }
}

/// The fields of answers that differ from TPM to TPM: handles, nonces, keys, and what is encrypted or signed.
enum PerTPM {
    private static let always: Set<String> = [
        "authHandle", "handle", "keyHandle", "inkeyHandle", "evictHandle", "transHandle", "daaHandle",
        "nonceEven", "nonceEvenOSAP", "nonceEvenDSAP", "antiReplay", "key", "encData", "sig", "signature", "checksum",
        "sealInfo", "randomBytes", "outputEKreset", "pubKeyDigest", "pubkeyDigest", "sensitiveData", "additionalData",
        "currentTicks", "tickNonce", "transNonceEven", "transNonce", "identityBinding", "additionalArea",
        "sensitiveArea",
        "integrityDigest", "contextNonce", "contextBlob", "contextCount", "keyContextBlob", "authContextBlob",
    ]
    private static let of: [Ordinal: Set<String>] = [
        .changeAuth: ["outData"], .certifyKey: ["outData"], .certifyKey2: ["outData"],
        .getTestResult: ["outData", "outDataSize"],
        .migrateKey: ["outData"], .convertMigrationBlob: ["outData"], .cmkApproveMA: ["outData"],
        .createMigrationBlob: ["random", "outData"], .cmkCreateBlob: ["random", "outData"],
        .cmkConvertMigration: ["outData"], .authorizeMigrationKey: ["digest"], .cmkCreateTicket: ["sigTicket"],
        .getAuditDigest: ["auditDigest"], .getAuditDigestSigned: ["auditDigest", "ordinalDigest"],
        .createCounter: ["countID"], .daaJoin: ["outputData"], .daaSign: ["outputData"],
        .changeAuthAsymStart: ["ephHandle"], .changeAuthAsymFinish: ["outData", "saltNonce", "changeProof"],
        .delegateCreateOwnerDelegation: ["blobSize", "additionalSize", "sensitiveSize"],
        .delegateCreateKeyDelegation: ["blobSize", "additionalSize", "sensitiveSize"],
        .delegateUpdateVerification: ["outputSize", "outputData"],
        .saveContext: ["contextSize", "additionalSize", "sensitiveSize"],
        .saveKeyContext: ["keyContextSize"], .saveAuthContext: ["authContextSize"],
    ]

    /// What is compared of such a field: its size, but of contexts, which are each TPM's own in form, too.
    static func shape(_ field: AnswerField, of ordinal: Ordinal) -> String {
        let contexts: Set<Ordinal> = [
            .saveContext, .saveKeyContext, .saveAuthContext, .getTestResult, .delegateCreateOwnerDelegation,
            .delegateCreateKeyDelegation, .delegateUpdateVerification,
        ]
        return contexts.contains(ordinal) ? "(any)" : "(\(field.value.utf8.count) digits)"
    }

    static func isOwn(_ name: String, of ordinal: Ordinal) -> Bool {
        always.contains(name) || of[ordinal]?.contains(name) == true
    }
}
