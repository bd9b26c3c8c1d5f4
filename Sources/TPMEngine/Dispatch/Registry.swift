import TPMWire

/// Which type takes the actions of which ordinal.
enum Registry {
    private static let commands: [any CommandActions.Type] = [
        Startup.self, SaveState.self,
        SelfTestFull.self, ContinueSelfTest.self, GetTestResult.self,
        SHA1Start.self, SHA1Update.self, SHA1Complete.self, SHA1CompleteExtend.self,
        GetRandom.self, StirRandom.self,
        Extend.self, PcrRead.self, PCRReset.self,
        TakeOwnership.self, OwnerClear.self, ForceClear.self, DisableOwnerClear.self, DisableForceClear.self,
        TSCPhysicalPresence.self, TSCResetEstablishmentBit.self,
        Seal.self, Unseal.self, UnBind.self, CreateWrapKey.self, LoadKey2.self, GetPubKey.self, Sealx.self,
        OIAP.self, OSAP.self, SetOwnerPointer.self, FlushSpecific.self, TerminateHandle.self, Reset.self,
    ]

    private static let byOrdinal: [Ordinal: any CommandActions.Type] = Dictionary(
        commands.map { ($0.ordinal, $0) }, uniquingKeysWith: { first, _ in first })

    static func actions(for ordinal: Ordinal) -> (any CommandActions.Type)? {
        byOrdinal[ordinal]
    }
}
