import TPMClient
import TPMCrypto
import TPMServer

/// Which hardware, as it stands in a configuration file.
public enum AnchorAddress: Sendable, Hashable, CustomStringConvertible {
    /// `software:DIRECTORY`, a TPM of this program with its state in a directory.
    case software(directory: String)
    /// `tpm1.2:ADDRESS`, with an address as ``TPMAddress`` reads it: `tpm1.2:/dev/tpm0`, `tpm1.2:unix:PATH`.
    case tpm12(TPMAddress)
    /// `tpm2:TCTI`, with a string as tpm2-tss reads it: `tpm2:device:/dev/tpmrm0`, `tpm2:swtpm:host=127.0.0.1,port=2321`.
    case tpm20(tcti: String)

    /// Reads the written form.
    public init(_ text: String) throws(AnchorError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let rest = parts.count == 2 ? String(parts[1]) : ""
        guard !rest.isEmpty, !rest.utf8.contains(0) else { throw Self.unreadable(text) }
        switch parts[0] {
        case "software": self = .software(directory: rest)
        case "tpm1.2":
            do throws(ClientError) { self = .tpm12(try TPMAddress(rest)) } catch { throw .unfit("\(error).") }
        case "tpm2": self = .tpm20(tcti: rest)
        default: throw Self.unreadable(text)
        }
    }

    private static func unreadable(_ text: String) -> AnchorError {
        .unfit(
            "\(text) names no TPM: write software:DIRECTORY, tpm1.2:/dev/tpm0 (or unix:PATH, tcp:HOST:PORT) or "
                + "tpm2:device:/dev/tpmrm0 (or another TCTI).")
    }

    public var description: String {
        switch self {
        case .software(let directory): "software:\(directory)"
        case .tpm12(let address): "tpm1.2:\(address)"
        case .tpm20(let tcti): "tpm2:\(tcti)"
        }
    }

    public var kind: AnchorHardware.Kind {
        switch self {
        case .software: .software
        case .tpm12: .tpm12
        case .tpm20: .tpm20
        }
    }
}

extension AnchorAddress {
    /// Makes what an anchor needs: keys, a counter and a record. It may be repeated: what is there stays.
    ///
    /// When it fails, nothing is left in the TPM. When the process dies before the material is kept, the counter and
    /// the record are left without it; `replacing` removes them then.
    ///
    /// - Parameters:
    ///   - label: tells the anchors on one TPM apart.
    ///   - owner: the owner's authorization. A software TPM without an owner takes it as its owner's.
    ///   - kept: what an earlier call returned.
    ///   - replacing: whether a counter or a record of this label that `kept` does not know is removed.
    /// - Returns: what ``open(_:options:)`` needs at each start.
    public func provision(
        as label: AnchorLabel = .usual, owner: AnchorAuthorization, keeping kept: AnchorMaterial? = nil,
        replacing: Bool = false, options: AnchorOptions = AnchorOptions()
    ) throws(AnchorError) -> AnchorMaterial {
        switch self {
        case .software, .tpm12:
            let provisioning = TPM12Provisioning(access: try access12(options), owner: owner.authData, label: label)
            return try provisioning.provision(keeping: kept, replacing: replacing)
        case .tpm20(let tcti):
            let provisioning = TPM20Provisioning(
                access: TPM20Access(tcti, options), owner: owner.authValue, label: label)
            return try provisioning.provision(keeping: kept, replacing: replacing)
        }
    }

    /// The anchor that was provisioned, after the hardware has proved that it is the one. It needs no owner's
    /// authorization.
    ///
    /// - Throws: ``AnchorError/otherHardware(_:)`` for the material of another TPM, ``AnchorError/missing(_:)`` when the
    ///   counter or the record is gone, ``AnchorError/unreachable(_:)`` and others.
    public func open(
        _ material: AnchorMaterial, options: AnchorOptions = AnchorOptions()
    ) throws(AnchorError) -> any HardwareAnchor {
        try check(material)
        switch self {
        case .software, .tpm12: return try TPM12Anchor(try access12(options), material)
        case .tpm20(let tcti): return try TPM20Anchor(TPM20Access(tcti, options), material)
        }
    }

    /// Removes from the TPM what was made for the material, for good. What was sealed can be opened no more once the
    /// material is gone, too.
    public func remove(
        _ material: AnchorMaterial, owner: AnchorAuthorization, options: AnchorOptions = AnchorOptions()
    ) throws(AnchorError) {
        try check(material)
        switch self {
        case .software, .tpm12:
            let access = try access12(options)
            try TPM12Provisioning(access: access, owner: owner.authData, label: material.label).remove(material)
        case .tpm20(let tcti):
            let access = TPM20Access(tcti, options)
            try TPM20Provisioning(access: access, owner: owner.authValue, label: material.label).remove(material)
        }
    }

    private func check(_ material: AnchorMaterial) throws(AnchorError) {
        guard material.kind == kind else {
            throw .otherHardware("The anchor's material is of a \(material.kind), and \(self) is a \(kind).")
        }
    }

    private func access12(_ options: AnchorOptions) throws(AnchorError) -> TPM12Access {
        switch self {
        case .software(let directory): TPM12Access(try EmbeddedTPM(directory: directory), options)
        case .tpm12(let address): TPM12Access(address, options)
        case .tpm20: throw .unfit("\(self) is no TPM 1.2.")
        }
    }
}
