import TPMCrypto

/// TPM_CreateEndorsementKeyPair (Part 3, 14.1).
public enum CreateEndorsementKeyPair: Command {
    public static let ordinal = Ordinal.createEndorsementKeyPair

    /// 20 bytes and the parameters; throws what ``KeyParms`` throws.
    public struct Request: Operands, Equatable {
        public var antiReplay = Digest()
        public var keyInfo = KeyParms()
        public init() {}
        public init(antiReplay: Digest, keyInfo: KeyParms) {
            self.antiReplay = antiReplay
            self.keyInfo = keyInfo
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
            try coder.structure("keyInfo", &keyInfo)
        }
    }

    /// The public key and 20 bytes.
    public struct Response: Operands, Equatable {
        public var pubEndorsementKey = Pubkey()
        /// SHA-1 of pubEndorsementKey and antiReplay.
        public var checksum = Digest()
        public init() {}
        public init(pubEndorsementKey: Pubkey, checksum: Digest) {
            self.pubEndorsementKey = pubEndorsementKey
            self.checksum = checksum
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubEndorsementKey", &pubEndorsementKey)
            try coder.digest("checksum", &checksum)
        }
    }
}

/// TPM_CreateRevocableEK (Part 3, 14.2).
///
/// The specification types the two EKreset values as nonces; they authorize TPM_RevokeTrust and are secrets here.
public enum CreateRevocableEK: Command {
    public static let ordinal = Ordinal.createRevocableEK

    /// 41 bytes and the parameters; throws what ``KeyParms`` throws.
    public struct Request: Operands, Equatable {
        public var antiReplay = Digest()
        public var keyInfo = KeyParms()
        /// True when the TPM is to choose the value; inputEKreset is there all the same.
        public var generateReset = false
        /// 20 bytes.
        public var inputEKreset = Secret(count: Digest.byteCount)
        public init() {}
        public init(antiReplay: Digest, keyInfo: KeyParms, generateReset: Bool, inputEKreset: Secret) {
            self.antiReplay = antiReplay
            self.keyInfo = keyInfo
            self.generateReset = generateReset
            self.inputEKreset = inputEKreset
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
            try coder.structure("keyInfo", &keyInfo)
            try coder.bool("generateReset", &generateReset)
            try coder.authData("inputEKreset", &inputEKreset)
        }
    }

    /// The public key and 40 bytes.
    public struct Response: Operands, Equatable {
        public var pubEndorsementKey = Pubkey()
        /// SHA-1 of pubEndorsementKey and antiReplay.
        public var checksum = Digest()
        /// 20 bytes.
        public var outputEKreset = Secret(count: Digest.byteCount)
        public init() {}
        public init(pubEndorsementKey: Pubkey, checksum: Digest, outputEKreset: Secret) {
            self.pubEndorsementKey = pubEndorsementKey
            self.checksum = checksum
            self.outputEKreset = outputEKreset
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubEndorsementKey", &pubEndorsementKey)
            try coder.digest("checksum", &checksum)
            try coder.authData("outputEKreset", &outputEKreset)
        }
    }
}

/// TPM_RevokeTrust (Part 3, 14.3).
public enum RevokeTrust: Command {
    public static let ordinal = Ordinal.revokeTrust
    public typealias Response = NoOperands

    /// 20 bytes, compared with the value that ``CreateRevocableEK`` set.
    public struct Request: Operands, Equatable {
        public var ekReset = Secret(count: Digest.byteCount)
        public init() {}
        public init(ekReset: Secret) { self.ekReset = ekReset }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("EKReset", &ekReset)
        }
    }
}

/// TPM_ReadPubek (Part 3, 14.4).
public enum ReadPubek: Command {
    public static let ordinal = Ordinal.readPubek
    public typealias Response = CreateEndorsementKeyPair.Response

    /// 20 bytes.
    public struct Request: Operands, Equatable {
        public var antiReplay = Digest()
        public init() {}
        public init(antiReplay: Digest) { self.antiReplay = antiReplay }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
        }
    }
}

/// TPM_OwnerReadInternalPub (Part 3, 14.5).
public enum OwnerReadInternalPub: Command {
    public static let ordinal = Ordinal.ownerReadInternalPub

    /// 4 bytes. Unlike other key handles this one enters the HMAC.
    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle.ek
        public init() {}
        public init(keyHandle: KeyHandle) { self.keyHandle = keyHandle }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
    }

    public struct Response: Operands, Equatable {
        public var publicPortion = Pubkey()
        public init() {}
        public init(publicPortion: Pubkey) { self.publicPortion = publicPortion }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("publicPortion", &publicPortion)
        }
    }
}
