import TPMClient
import TPMCrypto
import TPMWire

/// The commands that are measured. Sessions are opened before the clock starts, except where the name says so, and the
/// clock runs only while a command is on its way: what the client computes before and after is the same for all TPMs.
func measurements(bare: BareRSA) -> [Measurement] {
    quickCommands + nvCommands + keyCommands(.privateOperation { try bare.privateOperation() }) + [
        Measurement("CreateWrapKey(2048)", samples: 31, target: .ofKeyGeneration(0.5, measure: BareRSA.keyGeneration)) {
            try timeOfCreateWrapKey($0)
        }
    ]
}

private var quickCommands: [Measurement] {
    [
        Measurement("PcrRead", samples: 4000, target: .ofSwtpm(0.7)) { subject in
            try subject.timed { try subject.client.pcr(10) }
        },
        Measurement("Extend", samples: 4000, target: .ofSwtpm(0.7)) { subject in
            try subject.timed { try subject.client.extend(10, with: Digest(repeating: 7)) }
        },
        Measurement("GetRandom(32)", samples: 2000, target: .ofSwtpm(0.3)) { subject in
            try subject.timed { try subject.client.execute(GetRandom.self, .init(bytesRequested: 32)) }
        },
        Measurement("GetCapability(PCR count)", samples: 2000, target: .ofSwtpm(0.3)) { subject in
            try subject.timed { try subject.client.property(.pcr) }
        },
        Measurement("OIAP + FlushSpecific", samples: 1000, target: .ofSwtpm(0.3)) { subject in
            try subject.timed { try subject.client.close(try subject.client.oiap(.wellKnown)) }
        },
    ]
}

private var nvCommands: [Measurement] {
    [
        Measurement("NV_WriteValueAuth(256) with OIAP", samples: 300) { subject in
            let data = [UInt8](repeating: .random(in: 0...255), count: Subject.areaSize)
            return try subject.timed { try subject.client.writeNV(Subject.area, data, as: .area(Subject.areaAuth)) }
        },
        Measurement("NV_ReadValueAuth(256)", samples: 300) { subject in
            try subject.client.withOIAP(Subject.areaAuth) { session in
                let request = NVReadValueAuth.Request(
                    nvIndex: Subject.area, offset: 0, dataSize: UInt32(Subject.areaSize))
                return try subject.timed { try subject.client.execute(NVReadValueAuth.self, request, session) }
            }
        },
    ]
}

private func keyCommands(_ privateOperation: Target) -> [Measurement] {
    [
        Measurement("Seal(20)", samples: 200) { subject in
            let client = subject.client
            return try client.withOSAP(.keyHandle, KeyHandle.srk.rawValue, secret: .wellKnown) { session in
                let request = Seal.Request(
                    keyHandle: .srk, encAuth: try session.hide(.wellKnown), pcrInfo: [],
                    inData: Secret(Digest(repeating: 3)))
                return try subject.timed { try client.execute(Seal.self, request, session) }
            }
        },
        Measurement("Unseal(20)", samples: 200, target: privateOperation) { subject in
            let client = subject.client
            let request = Unseal.Request(parentHandle: .srk, inData: subject.sealed)
            return try client.withOIAP(.wellKnown) { parent in
                try client.withOIAP(.wellKnown) { data in
                    try subject.timed { try client.execute(Unseal.self, request, parent, data) }
                }
            }
        },
        Measurement("Sign(20)", samples: 200, target: privateOperation) { subject in
            let request = Sign.Request(keyHandle: subject.loadedKey, areaToSign: Digest(repeating: 5).bytes)
            return try subject.client.withOIAP(.wellKnown) { session in
                try subject.timed { try subject.client.execute(Sign.self, request, session) }
            }
        },
        Measurement("Quote", samples: 200) { subject in
            let request = Quote.Request(
                keyHandle: subject.loadedKey, externalData: Digest(repeating: 6),
                targetPCR: PCRSelection(indices: [10]))
            return try subject.client.withOIAP(.wellKnown) { session in
                try subject.timed { try subject.client.execute(Quote.self, request, session) }
            }
        },
        Measurement("LoadKey2", samples: 200, target: privateOperation) { subject in
            let request = LoadKey2.Request(parentHandle: .srk, inKey: subject.signingKey)
            return try subject.client.withOIAP(.wellKnown) { session in
                var loaded = KeyHandle(rawValue: 0)
                let duration = try subject.timed {
                    loaded = try subject.client.execute(LoadKey2.self, request, session).inkeyHandle
                }
                try subject.client.flush(loaded)
                return duration
            }
        },
    ]
}

func timeOfCreateWrapKey(_ subject: Subject) throws -> Duration {
    let client = subject.client
    return try client.withOSAP(.keyHandle, KeyHandle.srk.rawValue, secret: .wellKnown) { session in
        let request = CreateWrapKey.Request(
            parentHandle: .srk, dataUsageAuth: try session.hide(.wellKnown),
            dataMigrationAuth: try session.hideSecond(.wellKnown), keyInfo: .template(.signing))
        return try subject.timed { try client.execute(CreateWrapKey.self, request, session) }
    }
}
