import TPMWire

/// What this TPM says of itself.
public enum TPMVersion {
    /// 1.2, and the revision of this implementation.
    public static let version = Version(major: 1, minor: 2, revMajor: 0, revMinor: 1)
    /// TPM_CAP_PROP_MANUFACTURER, four ASCII characters.
    public static let vendorID = Array("VTPM".utf8)
    /// TPM_CAP_MFR: what kind of TPM this is, the same for every one of them.
    static let name = Array("vtpm".utf8)
    /// Level 2, errata revision 3: the specification's revision 116 (Part 2, 21.6).
    static let info = CapVersionInfo(version: version, specLevel: 2, errataRev: 3, tpmVendorID: vendorID)
}
