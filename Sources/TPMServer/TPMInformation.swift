import TPMEngine

/// What a TPM is, for whoever manages it: the JSON of GET_INFO (swtpm_ioctl(8)) and `--print-info`.
public enum TPMInformation {
    /// - Parameter flags: bit 0 asks for the specification, bit 1 for the manufacturer, the model and the version;
    ///   others ask for nothing.
    public static func json(_ flags: UInt64) -> String {
        var parts: [String] = []
        if flags & 1 != 0 {
            parts.append(#""TPMSpecification":{"family":"1.2","level":2,"revision":116}"#)
        }
        if flags & 2 != 0 {
            let vendor = id(TPMVersion.vendorID)
            let version = id([0, TPMVersion.version.revMajor, 0, TPMVersion.version.revMinor])
            parts.append(#""TPMAttributes":{"manufacturer":"\#(vendor)","version":"\#(version)","model":"vtpm"}"#)
        }
        return "{" + parts.joined(separator: ",") + "}"
    }

    /// Four bytes as the certificates of a platform write them.
    private static func id(_ bytes: [UInt8]) -> String {
        "id:" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }
}
