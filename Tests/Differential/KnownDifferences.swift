import TPMWire

/// A difference that is to stay, since the specification is on our side or leaves it free; Docs/Differences.md says
/// why, at the section that is named here.
struct KnownDifference: CustomStringConvertible {
    /// What one of the two answers with.
    enum Codes {
        case these(Set<TPMResult>)
        case anyError
        /// Whatever it is.
        case any
        /// The connection is closed, or the answer is none.
        case nonsense

        func contains(_ outcome: Outcome) -> Bool {
            switch (self, outcome) {
            case (.any, _): true
            case (.these(let codes), .answer(let code, _)): codes.contains(code)
            case (.anyError, .answer(let code, _)): code != .success
            case (.nonsense, .nonsense), (.nonsense, .silence): true
            default: false
            }
        }
    }

    /// Nil for every command.
    let ordinals: Set<Ordinal>?
    let ours: Codes
    let theirs: Codes
    /// The fields that may differ when both answer with success.
    let fields: Set<String>
    let section: String
    let what: String
    let condition: (Step) -> Bool
    /// Where in such a field's hexadecimal digits; nil for all of it.
    let digits: [Range<Int>]?

    init(
        _ section: String, _ what: String, _ ordinals: Set<Ordinal>? = nil, ours: Codes, theirs: Codes,
        fields: Set<String> = [], only digits: [Range<Int>]? = nil,
        when condition: @escaping (Step) -> Bool = { _ in true }
    ) {
        self.ordinals = ordinals
        self.ours = ours
        self.theirs = theirs
        self.fields = fields
        self.section = section
        self.what = what
        self.condition = condition
        self.digits = digits
    }

    /// Two successes that differ in some fields.
    init(
        _ section: String, _ what: String, _ ordinals: Set<Ordinal>, fields: Set<String>,
        only digits: [Range<Int>]? = nil, when condition: @escaping (Step) -> Bool = { _ in true }
    ) {
        self.init(
            section, what, ordinals, ours: .these([.success]), theirs: .these([.success]), fields: fields,
            only: digits, when: condition)
    }

    func explains(_ step: Step, _ outcomes: Both<Outcome>) -> Bool {
        guard ordinals?.contains(step.ordinal) ?? true, ours.contains(outcomes.vtpm), theirs.contains(outcomes.swtpm),
            condition(step)
        else { return false }
        return Report.differences(outcomes).allSatisfy { field in
            guard fields.contains(field.name) else { return false }
            guard let digits else { return true }
            let rest = field.values.map { value in
                value.enumerated().filter { place, _ in !digits.contains { $0.contains(place) } }.map(\.element)
            }
            return rest.vtpm == rest.swtpm
        }
    }

    var description: String { "\(section): \(what)" }
}

extension Step {
    /// The four bytes at an offset of the operands that were sent, as a number; nil beyond their end.
    func number(at offset: Int) -> UInt32? {
        let bytes = sentOperands.bytes.dropFirst(offset).prefix(4)
        return bytes.count == 4 ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : nil
    }

    /// Whether the command was damaged in one of these ways.
    func isDamaged(_ kinds: String...) -> Bool { kinds.contains(form.kind) }

    /// A command without operands, in a state that refuses it as it is.
    var isBare: Bool { "\(form)".hasPrefix("gate bare") }

    /// The NV index that the command names, nil when it names none.
    var nvIndex: UInt32? {
        switch ordinal {
        case .nvDefineSpace: number(at: 2)
        case .nvWriteValue, .nvWriteValueAuth, .nvReadValue, .nvReadValueAuth: number(at: 0)
        default: nil
        }
    }

    /// An index of a platform that this TPM is not for (Part 2, 19.1).
    var isForeignIndex: Bool { nvIndex.map { $0 & 0x00ff_0000 != 0 } ?? false }
}

extension KnownDifference {
    /// In the order of the specification.
    static var all: [KnownDifference] { general + chapters3to10 + chapters8to12 + chapters13to18 + chapters20to27 }

    // MARK: - Common to all commands

    private static let contexts: Set<Ordinal> = [.loadContext, .loadKeyContext, .loadAuthContext]

    private static var general: [KnownDifference] {
        [
            .init(
                "Part 2, 16", "the size of a command is checked before what stands in it",
                ours: .these([.badParamSize]), theirs: .anyError
            ) { $0.isDamaged("operands", "cut", "surplus", "overlong", "flipped", "gate") },
            .init(
                "Part 2, 16", "an error of the command ends its sessions, also where operands do not decode",
                [.flushSpecific], ours: .these([.badParameter]), theirs: .these([.success])
            ) { $0.after != nil && $0.isDamaged("flipped", "operands", "cut") },
            .init(
                "Part 3, 1.2", "of several errors the one that is looked for first is told: the state of the TPM",
                ours: .these([.disabled, .deactivated, .noSRK, .badTag, .invalidPostInit, .authConflict]),
                theirs: .anyError
            ) { $0.isBare || $0.isDamaged("operands", "cut", "tag") },
            .init(
                "Part 3, 1.2", "of several errors the one that is looked for first is told: the owner, then sessions",
                ours: .these([.noSRK, .authConflict]), theirs: .these([.invalidAuthHandle, .badParamSize, .size])
            ) { $0.isDamaged("gate", "flipped") },
            .init(
                "Part 3, 1.2", "of several errors the one that is looked for first is told: the operands",
                [.takeOwnership, .createRevocableEK, .keyControlOwner],
                ours: .these([.badParameter, .badKeyProperty]),
                theirs: .these([.installDisabled, .disabledCmd, .badParameter])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 2, 17", "what the table does not mark is refused without an owner", [.dirRead],
                ours: .these([.noSRK]), theirs: .these([.success])),
            .init(
                "Part 2, 16", "a structure that does not decode: another legal error code",
                [.unseal, .nvDefineSpace, .createWrapKey, .loadKey, .loadKey2, .makeIdentity],
                ours: .these([.invalidPCRInfo, .invalidStructure, .badVersion]),
                theirs: .these([.size, .invalidStructure, .invalidPCRInfo, .badKeyProperty])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 22.1", "what is not there is TPM_BAD_PARAMETER, whatever it is", [.flushSpecific],
                ours: .these([.badParameter]), theirs: .these([.invalidAuthHandle, .badHandle])),
        ]
    }

    // MARK: - Chapters

    private static var chapters3to10: [KnownDifference] {
        [
            .init("Part 2, 21.1", "TPM_CAP_NV_LIST is in the order of the indices", [.getCapability], fields: ["resp"])
            {
                $0.number(at: 0) == CapabilityArea.nvList.rawValue
            },
            .init("Part 2, 4.4", "each TPM gives handles of its own", [.getCapability], fields: ["resp"]) {
                let lists: [CapabilityArea] = [.handle, .keyHandle]
                return lists.map(\.rawValue).contains($0.number(at: 0) ?? 0)
            },
            .init(
                "Part 3, 7.1", "the properties that the maker of a TPM chooses", [.getCapability], fields: ["resp"]
            ) { step in
                let chosen: Set<UInt32> = [
                    0x103, 0x10a, 0x10b, 0x10c, 0x10d, 0x10e, 0x10f, 0x114, 0x115, 0x116, 0x117, 0x119, 0x11a, 0x11d,
                    0x11e, 0x120, 0x123,
                ]
                return step.number(at: 0) == CapabilityArea.property.rawValue
                    && step.number(at: 8).map(chosen.contains) == true
            },
            .init(
                "Part 2, 7.1", "allowMaintenance is vendor specific where there is no maintenance", [.getCapability],
                fields: ["resp"], only: [14..<16]
            ) { $0.number(at: 0) == CapabilityArea.flag.rawValue },
            .init(
                "Part 3, 14.2 action 2", "a revocable key is made as the other one is, which sets CEKPUsed",
                [.getCapability], fields: ["resp"], only: [14..<16, 22..<24]
            ) { $0.number(at: 0) == CapabilityArea.flag.rawValue },
            .init("Part 2, 21.6", "the version and its maker", [.getCapability], fields: ["resp"]) {
                $0.number(at: 0) == CapabilityArea.versionVal.rawValue
            },
            .init("Part 2, 21.6", "the version", [.getCapabilityOwner], fields: ["revMajor", "revMinor"]),
            .init(
                "Part 3, 7.1", "the maker's own area: no information", [.getCapability], ours: .these([.success]),
                theirs: .these([.badMode, .success]), fields: ["respSize", "resp"]
            ) { $0.number(at: 0) == CapabilityArea.mfr.rawValue },
            .init(
                "Part 3, 7.1", "an illegal resource type is TPM_BAD_MODE", [.getCapability],
                ours: .these([.badMode]), theirs: .these([.badParameter])
            ) { $0.number(at: 0) == CapabilityArea.handle.rawValue },
            .init(
                "Part 3, 7.1", "a subCap of another size is an error", [.getCapability],
                ours: .these([.badMode, .badKeyProperty, .badParamSize]),
                theirs: .these([.success, .badParamSize, .badParameter])
            ) { step in
                let areas: [CapabilityArea] = [.daLogic, .checkLoaded, .selectSize]
                return areas.map(\.rawValue).contains(step.number(at: 0) ?? 0)
            },
            .init(
                "Part 3, 7.2", "an unknown area is TPM_BAD_PARAMETER", [.setCapability],
                ours: .these([.badParameter]), theirs: .these([.badMode])),
            .init(
                "Part 2, 2.2.2", "TRUE is 1 and nothing else", [.setCapability], ours: .these([.badParameter]),
                theirs: .these([.success])),
            .init(
                "Part 3, 9.3", "the lockout comes before the session", [.resetLockValue], ours: .these([.authFail]),
                theirs: .these([.invalidAuthHandle])
            ) { $0.isDamaged("unknownSession") },
            .init(
                "Part 3, 10.1 action 15", "too much data for the key is TPM_BAD_DATASIZE", [.seal, .sealx],
                ours: .these([.badDataSize]), theirs: .these([.encryptError])),
            .init(
                "Part 3, 10.1 action 11", "PCR information that is none is TPM_BADINDEX", [.seal, .sealx],
                ours: .these([.badIndex]), theirs: .any),
            .init(
                "Part 2, 8.6", "a locality at creation of 0 is overwritten, whatever it was", [.seal, .sealx],
                ours: .these([.success]), theirs: .these([.badIndex])),
            .init(
                "Part 3, 10.4 actions 4 to 9", "the usage is looked at before the properties", [.createWrapKey],
                ours: .these([.invalidKeyUsage]), theirs: .these([.badKeyProperty])),
            .init(
                "Part 1, 4.2.2", "keys have 512, 1024 or 2048 bits", [.createWrapKey],
                ours: .these([.badKeyProperty]), theirs: .these([.success])),
            .init(
                "Part 2, 5.9", "an unknown TPM_AUTH_DATA_USAGE is TPM_BAD_PARAMETER",
                [.createWrapKey, .loadKey, .loadKey2, .makeIdentity], ours: .these([.badParameter]), theirs: .any
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 10.5 action 3", "a size that the TPM has no keys of is TPM_BAD_KEY_PROPERTY",
                [.loadKey, .loadKey2], ours: .these([.badKeyProperty]), theirs: .these([.authFail, .badParameter])),
            .init(
                "Part 3, 10.2", "a session bound to another entity does not authorize the data", [.unseal],
                ours: .these([.auth2Fail]), theirs: .these([.badMode])
            ) { $0.isDamaged("otherProtocol") },
            .init(
                "Part 3, 10.3", "what is no TPM_BOUND_DATA is TPM_DECRYPT_ERROR, as a bad padding is", [.unbind],
                ours: .these([.decryptError]), theirs: .these([.badParamSize])),
        ]
    }

    private static let maintenance: Set<Ordinal> = [
        .createMaintenanceArchive, .loadMaintenanceArchive, .killMaintenanceFeature, .loadManuMaintPub,
        .readManuMaintPub,
    ]
    private static let delegations: Set<Ordinal> = [
        .delegateVerifyDelegation, .delegateLoadOwnerDelegation, .delegateUpdateVerification,
        .delegateCreateKeyDelegation, .delegateCreateOwnerDelegation, .dsap,
    ]

    private static var chapters8to12: [KnownDifference] {
        [
            .init(
                "Part 3, 12", "maintenance, which is optional", maintenance, ours: .any, theirs: .any),
            .init(
                "Part 3, 12", "maintenance, which is optional", [.flushSpecific], ours: .any, theirs: .any
            ) { $0.after.map(maintenance.contains) == true },
            .init("Part 3, 12", "maintenance, which is optional", [.getCapability], fields: ["resp"]) { step in
                step.number(at: 0) == CapabilityArea.ord.rawValue
                    && step.number(at: 8).map { maintenance.contains(Ordinal(rawValue: $0)) } == true
            },
            .init(
                "Part 2, 17", "which commands are audited without being told to", [.getAuditDigest],
                fields: ["ordSize", "ordList"]),
            .init(
                "Part 3, 12", "maintenance, which is optional, can be audited", [.setOrdinalAuditStatus],
                ours: .these([.success]), theirs: .these([.badParameter])
            ) { $0.number(at: 0).map { maintenance.contains(Ordinal(rawValue: $0)) } == true },
            .init(
                "Part 3, 11.2", "what does not decrypt, or to no key: each TPM's own bytes", [.convertMigrationBlob],
                ours: .these([.decryptError, .invalidStructure]), theirs: .these([.decryptError, .invalidStructure])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 8.5", "an ordinal that is none is TPM_BADINDEX", [.setOrdinalAuditStatus],
                ours: .these([.badIndex]), theirs: .these([.badParameter, .success])),
            .init(
                "Part 2, 5.17", "a bit that is not defined is TPM_BAD_PARAMETER", [.cmkSetRestrictions],
                ours: .these([.badParameter]), theirs: .these([.success])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 11.3", "keys that this TPM has no use for are TPM_BAD_KEY_PROPERTY",
                [.authorizeMigrationKey, .migrateKey, .cmkCreateTicket, .createMigrationBlob, .cmkCreateKey],
                ours: .these([.badKeyProperty, .badParameter, .badVersion]), theirs: .any
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 11.3", "the leave of the owner is for the scheme that it names",
                [.createMigrationBlob], ours: .these([.badParameter]), theirs: .these([.success])),
            .init(
                "Part 3, 11.8", "the usage is looked at before the properties", [.cmkCreateKey],
                ours: .these([.invalidKeyUsage]), theirs: .these([.badKeyProperty])),
        ]
    }

    private static var chapters13to18: [KnownDifference] {
        [
            .init(
                "Part 3, 13.3", "without a thread no size is looked at", [.sha1Complete, .sha1CompleteExtend],
                ours: .these([.shaThread]), theirs: .these([.shaError])),
            .init(
                "Part 3, 1.2", "of several errors the one that is looked for first is told: the PCR, then the thread",
                [.sha1CompleteExtend], ours: .these([.badIndex, .badLocality]),
                theirs: .these([.shaThread, .shaError])),
            .init(
                "Part 3, 18.1.1", "the session that fails is told by where it stands", [.activateIdentity],
                ours: .these([.authFail, .auth2Fail]), theirs: .these([.authFail, .auth2Fail])),
            .init(
                "Part 3, 18.3", "a delegation that is not authentic is TPM_AUTHFAIL, whatever was changed",
                delegations, ours: .anyError, theirs: .any
            ) { $0.isDamaged("flipped", "operands", "cut") },
            .init(
                "Part 3, 18.3", "a session lives until it is ended, and ends when its command fails",
                [.flushSpecific], ours: .any, theirs: .any
            ) { $0.after.map(delegations.contains) == true },
            .init(
                "Part 3, 18.3", "a command that is not delegated is TPM_DISABLED_CMD", ours: .these([.disabledCmd]),
                theirs: .these([.authFail])),
            .init(
                "Part 2, 2.2.2", "TRUE is 1 and nothing else", [.delegateManage], ours: .these([.badParameter]),
                theirs: .these([.success])),
            .init(
                "Part 2, 2.2.2", "TRUE is 1 and nothing else: swtpm enabled the family", [.delegateReadTable],
                fields: ["flags"]),
            .init(
                "Part 3, 19.5", "families stand in the order of their rows", [.delegateReadTable],
                fields: ["familyLabel", "familyID", "verificationCount", "flags"]),
            .init(
                "Part 3, 13.6", "an answer has room for so many random bytes", [.getRandom],
                fields: ["randomBytesSize", "randomBytes"]),
            .init(
                "Part 3, 13.7", "256 bytes and more are TPM_BAD_PARAMETER", [.stirRandom],
                ours: .these([.badParameter]), theirs: .these([.success])),
            .init("Part 3, 13.1", "the most that one update takes", [.sha1Start], fields: ["maxNumBytes"]),
            .init(
                "Part 3, 13.8", "the second authorization fails with TPM_AUTH2FAIL", [.certifyKey, .certifyKey2],
                ours: .these([.auth2Fail]), theirs: .these([.authFail])
            ) { $0.isDamaged("otherProtocol") },
            .init(
                "Part 3, 14.1 action 2.c", "schemes of an endorsement key are ignored", [.createEndorsementKeyPair],
                ours: .these([.success]), theirs: .these([.badKeyProperty])),
            .init("Part 2, 21.6", "the version", [.quote2], fields: ["versionInfo"]),
            .init(
                "Part 3, 17.1 action 10", "a blob is of the type that the command names", [.changeAuth],
                ours: .these([.invalidStructure]), theirs: .these([.success])),
            .init(
                "Part 2, 16", "a reserved handle that is no key is TPM_INVALID_KEYHANDLE",
                ours: .these([.invalidKeyHandle]), theirs: .these([.keyNotFound, .invalidResource])),
        ]
    }

    private static var chapters20to27: [KnownDifference] {
        [
            .init(
                "Part 3, 20.1 action 9", "an index of another platform is TPM_BADINDEX", ours: .these([.badIndex]),
                theirs: .any
            ) { $0.isForeignIndex },
            .init(
                "Part 3, 20.1 action 10", "an area that does not fit is TPM_NOSPACE", [.nvDefineSpace],
                ours: .these([.noSpace]), theirs: .these([.fail, .failedSelfTest])),
            .init(
                "Part 3, 20.1 action 9", "a definition with attributes that make no sense is refused",
                [.nvDefineSpace], ours: .these([.authConflict, .perNoWrite, .badParamSize]), theirs: .these([.fail])),
            .init(
                "Part 3, 20.2 and 20.4 action 1", "before nvLocked no authorization is checked",
                [.nvWriteValue, .nvReadValue], ours: .any, theirs: .these([.authConflict])
            ) { !$0.isNVLocked },
            .init(
                "Part 3, 20.2 action 5.b", "writes without an owner are counted before nvLocked, too",
                [.nvWriteValue, .nvReadValue, .nvDefineSpace], ours: .any, theirs: .any, fields: ["data"]
            ) { !$0.isNVLocked },
            .init(
                "Part 3, 20.1 action 1", "TPM_NV_INDEX_LOCK is answered before the state of the TPM", [.nvDefineSpace],
                ours: .these([.success]), theirs: .these([.disabled, .deactivated])
            ) { $0.nvIndex == NVIndex.lock },
            .init(
                "Part 3, 20.4 action 4.a", "the owner does not read TPM_NV_INDEX_DIR, which anybody may",
                [.nvReadValue], ours: .these([.authConflict]), theirs: .these([.success])
            ) { $0.nvIndex == NVIndex.dir },
            .init(
                "Part 3, 24.1", "an attribute that is not defined is TPM_BAD_PARAMETER", [.establishTransport],
                ours: .these([.badParameter]), theirs: .these([.success])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 26.1", "how many DAA sessions there are", [.daaJoin], ours: .these([.success]),
                theirs: .these([.resources])),
            .init(
                "Part 3, 27.4.1", "a temporary key has no parent", [.changeAuthAsymStart], fields: ["parentPCRStatus"]),
            .init(
                "Part 3, 27.4.1", "parameters that the TPM has no keys of are TPM_BAD_KEY_PROPERTY",
                [.changeAuthAsymStart], ours: .these([.badKeyProperty]), theirs: .these([.noSpace])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 21.1 action 3", "the whole public key has to match", [.keyControlOwner],
                ours: .these([.badParameter]), theirs: .these([.success])
            ) { $0.isDamaged("flipped") },
            .init(
                "Part 3, 21.3 actions 7 and 9", "the handle is looked at before the list of contexts", contexts,
                ours: .these([.badHandle]), theirs: .these([.badContext])),
            .init(
                "Part 3, 21.3 action 6", "a context that is not authentic is TPM_BADCONTEXT, whatever was changed",
                contexts, ours: .these([.badContext, .invalidResource]), theirs: .any
            ) { $0.form != .plain },
            .init(
                "Part 2, 16", "the size of a context is that of the context", contexts, ours: .these([.badParamSize]),
                theirs: .any
            ) { $0.form != .plain },
        ]
    }
}
