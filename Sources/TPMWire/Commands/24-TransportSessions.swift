import TPMCrypto

/// TPM_EstablishTransport (Part 3, 24.1).
public enum EstablishTransport: Command {
    public static let ordinal = Ordinal.establishTransport

    public struct Request: Operands, Equatable {
        /// The key that the secret is encrypted for; TPM_KH_TRANSPORT for a secret in the clear.
        public var encHandle = KeyHandle()
        public var transPublic = TransportPublic()
        /// A TPM_TRANSPORT_AUTH encrypted for the key, or 20 bytes of secret.
        public var secret = Secret([])
        public init() {}
        public init(encHandle: KeyHandle, transPublic: TransportPublic, secret: Secret) {
            self.encHandle = encHandle
            self.transPublic = transPublic
            self.secret = secret
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("encHandle", &encHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("transPublic", &transPublic)
            try coder.sizedSecret("secret", .u32("secretSize"), &secret)
        }
    }

    public struct Response: Operands, Equatable {
        public var transHandle: UInt32 = 0
        /// A TPM_MODIFIER_INDICATOR: the number of the locality that the command came from.
        public var locality: UInt32 = 0
        public var currentTicks = CurrentTicks()
        public var transNonceEven = Digest()
        public init() {}
        public init(transHandle: UInt32, locality: UInt32, currentTicks: CurrentTicks, transNonceEven: Digest) {
            self.transHandle = transHandle
            self.locality = locality
            self.currentTicks = currentTicks
            self.transNonceEven = transNonceEven
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("transHandle", &transHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("locality", &locality)
            try coder.structure("currentTicks", &currentTicks)
            try coder.digest("transNonceEven", &transNonceEven)
        }
    }
}

/// TPM_ExecuteTransport (Part 3, 24.2). Its session is a transport session, and its HMACs cover digests of the wrapped
/// command and answer instead of their bytes.
public enum ExecuteTransport: Command {
    public static let ordinal = Ordinal.executeTransport

    public struct Request: Operands, Equatable {
        /// A whole command; ``WrappedMessage`` tells what of it the session may have encrypted. Secrets may be in it.
        public var wrappedCmd = Secret([])
        public init() {}
        public init(wrappedCmd: Secret) { self.wrappedCmd = wrappedCmd }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedSecret("wrappedCmd", .u32("wrappedCmdSize"), &wrappedCmd)
        }
    }

    public struct Response: Operands, Equatable {
        public var currentTicks: UInt64 = 0
        /// A TPM_MODIFIER_INDICATOR: the number of the locality that the command came from.
        public var locality: UInt32 = 0
        public var wrappedRsp = Secret([])
        public init() {}
        public init(currentTicks: UInt64, locality: UInt32, wrappedRsp: Secret) {
            self.currentTicks = currentTicks
            self.locality = locality
            self.wrappedRsp = wrappedRsp
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint64("currentTicks", &currentTicks)
            try coder.uint32("locality", &locality)
            try coder.sizedSecret("wrappedRsp", .u32("wrappedRspSize"), &wrappedRsp)
        }
    }
}

/// TPM_ReleaseTransportSigned (Part 3, 24.3). The last of its sessions is the transport session.
public enum ReleaseTransportSigned: Command {
    public static let ordinal = Ordinal.releaseTransportSigned

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public var antiReplay = Digest()
        public init() {}
        public init(keyHandle: KeyHandle, antiReplay: Digest) {
            self.keyHandle = keyHandle
            self.antiReplay = antiReplay
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
        }
    }

    public struct Response: Operands, Equatable {
        /// A TPM_MODIFIER_INDICATOR: the number of the locality that the command came from.
        public var locality: UInt32 = 0
        public var currentTicks = CurrentTicks()
        public var signature: [UInt8] = []
        public init() {}
        public init(locality: UInt32, currentTicks: CurrentTicks, signature: [UInt8]) {
            self.locality = locality
            self.currentTicks = currentTicks
            self.signature = signature
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("locality", &locality)
            try coder.structure("currentTicks", &currentTicks)
            try coder.sized("signature", .u32("signSize"), &signature)
        }
    }
}
