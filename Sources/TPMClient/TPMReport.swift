import TPMWire

/// What a TPM says about itself, for people to read.
public struct TPMReport: CustomStringConvertible {
    public private(set) var description = ""

    /// Asks the TPM. What a TPM does not tell, because it is older or disabled, is left out.
    ///
    /// - Throws: when it does not even tell its version.
    public init(of tpm: TPMClient) throws {
        version(try tpm.versionInfo())
        line("Owner", try? tpm.hasOwner() ? "installed" : "none")
        line("Endorsement key", try? endorsementKey(of: tpm))
        line("Permanent flags", (try? tpm.permanentFlags()).flatMap(flags))
        line("Flags until restart", (try? tpm.volatileFlags()).flatMap(flags))
        line("Lockout", (try? tpm.lockout()).map(lockout))
        line("Key slots", free(of: .maxKeys, .keys, tpm))
        line("Authorization sessions", free(of: .maxAuthSess, .authSess, tpm))
        line("Transport sessions", free(of: .maxTranSess, .tranSess, tpm))
        line("Counters", free(of: .maxCounters, .counters, tpm))
        line("NV bytes free", (try? tpm.property(.maxNVAvailable)).map { "\($0)" })
        line("NV areas", try? areas(of: tpm))
    }

    private mutating func line(_ name: String, _ value: String?) {
        guard let value else { return }
        if !description.isEmpty { description += "\n" }
        description += name + ":" + String(repeating: " ", count: max(1, 23 - name.utf8.count)) + value
    }

    private mutating func version(_ info: CapVersionInfo) {
        let version = info.version
        line("Version", "\(version.major).\(version.minor), firmware \(version.revMajor).\(version.revMinor)")
        line("Specification", "level \(info.specLevel), errata revision \(info.errataRev)")
        // The vendor chooses these bytes; only letters, digits and signs reach the terminal.
        let name = info.tpmVendorID.map { (0x20...0x7e).contains($0) ? Character(Unicode.Scalar($0)) : " " }
        line("Vendor", String(name))
    }

    private func endorsementKey(of tpm: TPMClient) throws -> String {
        do {
            return "\(try tpm.endorsementKey().pubKey.key.count * 8) bits"
        } catch let error as ClientError where error.result == .noEndorsement {
            return "none"
        } catch let error as ClientError where error.result == .disabledCmd {
            return "read by the owner only"
        }
    }

    /// The names of the flags that are set.
    private func flags(_ value: some WireStructure) -> String? {
        guard let fields = try? WireDescriber.describe(value) else { return nil }
        let set = fields.filter { $0.name != "tag" && Self.isTrue($0.value) }
        return set.isEmpty ? "none set" : set.map(\.name).joined(separator: " ")
    }

    private static func isTrue(_ value: String) -> Bool { value == "0x01" || value == "true" || value == "TRUE" }

    private func lockout(_ info: LockoutInfo) -> String {
        let state = info.state == .active ? "active" : "inactive"
        guard case .full(let full) = info else { return state }
        let counts = "\(state), \(full.currentCount) of \(full.thresholdCount) failures"
        guard full.state == .active, full.actionAtThreshold.actions.contains(.timeout) else { return counts }
        return "\(counts), \(full.actionDependValue) seconds left"
    }

    private func free(of most: CapabilityProperty, _ left: CapabilityProperty, _ tpm: TPMClient) -> String? {
        guard let most = try? tpm.property(most), let left = try? tpm.property(left) else { return nil }
        return "\(left) of \(most) free"
    }

    private func areas(of tpm: TPMClient) throws -> String {
        let areas = try tpm.nvIndices().map { index in
            let digits = String(index, radix: 16)
            let size = (try? tpm.nvArea(index)).map { " (\($0.dataSize) bytes)" } ?? ""
            return "0x" + String(repeating: "0", count: 8 - digits.count) + digits + size
        }
        return areas.isEmpty ? "none" : areas.joined(separator: ", ")
    }
}
