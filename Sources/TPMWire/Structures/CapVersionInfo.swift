/// TPM_CAP_VERSION_INFO, 15 + n bytes: what TPM_CAP_VERSION_VAL and TPM_Quote2 return (Part 2, 21.6).
///
/// Another tag is TPM_INVALID_STRUCTURE.
public struct CapVersionInfo: WireStructure, Equatable {
    public var version = Version()
    /// The level of ordinals supported.
    public var specLevel: UInt16 = 2
    /// The errata revision of the specification.
    public var errataRev: UInt8 = 3
    /// 4 bytes, ASCII.
    public var tpmVendorID = [UInt8](repeating: 0, count: 4)
    public var vendorSpecific: [UInt8] = []

    public init() {}

    public init(
        version: Version, specLevel: UInt16, errataRev: UInt8, tpmVendorID: [UInt8], vendorSpecific: [UInt8] = []
    ) {
        self.version = version
        self.specLevel = specLevel
        self.errataRev = errataRev
        self.tpmVendorID = tpmVendorID
        self.vendorSpecific = vendorSpecific
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.capVersionInfo)
        try coder.structure("version", &version)
        try coder.uint16("specLevel", &specLevel)
        try coder.uint8("errataRev", &errataRev)
        try coder.fixed("tpmVendorID", &tpmVendorID, count: 4)
        try coder.sized("vendorSpecific", .u16("vendorSpecificSize"), &vendorSpecific)
    }
}
