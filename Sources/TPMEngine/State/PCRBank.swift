import TPMCrypto
import TPMWire

/// The 24 PCRs of a PC Client TPM and who may extend and reset them (Part 2, 8.7 and 8.8; PC Client table of
/// PCR attributes).
public struct PCRBank: Sendable, Equatable {
    public static let count = 24

    public private(set) var values: [Digest]

    /// Every register as TPM_Startup(ST_CLEAR) leaves it (Part 3, 3.2), but for those that begin with a value from outside.
    public init(startingWith given: [Int: Digest] = [:]) {
        values = (0..<Self.count).map { given[$0] ?? Self.startupValue(of: $0) }
    }

    /// Registers with these values, one each; TPM_BAD_PARAMETER for another number of them.
    init(values: [Digest]) throws(TPMResult) {
        guard values.count == Self.count else { throw .badParameter }
        self.values = values
    }

    /// TPM_PERMANENT_DATA -> pcrAttrib of one register: fixed at manufacture.
    public static func attributes(of index: Int) -> PCRAttributes {
        let all: LocalitySelection = [.zero, .one, .two, .three, .four]
        return switch index {
        case 16, 23: PCRAttributes(pcrReset: true, pcrExtendLocal: all, pcrResetLocal: all)
        case 17: PCRAttributes(pcrReset: true, pcrExtendLocal: [.two, .three, .four], pcrResetLocal: [.four])
        case 18: PCRAttributes(pcrReset: true, pcrExtendLocal: [.two, .three, .four], pcrResetLocal: [.four])
        case 19: PCRAttributes(pcrReset: true, pcrExtendLocal: [.two, .three], pcrResetLocal: [.four])
        case 20: PCRAttributes(pcrReset: true, pcrExtendLocal: [.one, .two, .three], pcrResetLocal: [.two, .four])
        case 21, 22: PCRAttributes(pcrReset: true, pcrExtendLocal: [.two], pcrResetLocal: [.two])
        default: PCRAttributes(pcrReset: false, pcrExtendLocal: all, pcrResetLocal: [])
        }
    }

    private static func startupValue(of index: Int) -> Digest {
        // The debug and the application register start at zero, as the PC Client specification has it.
        dynamic.contains(index) ? Digest(repeating: 0xff) : Digest.zero
    }

    /// The position of a register, or TPM_BADINDEX.
    public func index(_ number: UInt32) throws(TPMResult) -> Int {
        guard let index = Int(exactly: number), values.indices.contains(index) else { throw .badIndex }
        return index
    }

    /// The register's value; the index comes from ``index(_:)``.
    public subscript(index: Int) -> Digest { values[index] }

    /// Checks that commands of `locality` may extend the register (Part 2, 8.8.1), else TPM_BAD_LOCALITY.
    public func checkExtend(_ index: Int, locality: LocalitySelection) throws(TPMResult) {
        guard Self.attributes(of: index).pcrExtendLocal.contains(locality) else { throw .badLocality }
    }

    /// Sets the register to SHA-1(old value || measurement) and returns the new value.
    @discardableResult
    public mutating func extend(_ index: Int, with measurement: Digest) -> Digest {
        values[index] = SHA1.hash(values[index], measurement)
        return values[index]
    }

    /// Resets all selected registers, or none (Part 3, 16.4).
    public mutating func reset(
        _ selection: PCRSelection, locality: LocalitySelection, tosPresent: Bool
    ) throws(TPMResult) {
        let selected = (0..<Self.count).filter { selection.contains($0) }
        for index in selected {
            let attributes = Self.attributes(of: index)
            guard attributes.pcrReset else { throw .notResetable }
            guard attributes.pcrResetLocal.contains(locality) else { throw .notLocal }
        }
        for index in selected {
            values[index] = tosPresent ? .zero : Self.startupValue(of: index)
        }
    }

    /// The registers of a dynamic launch.
    private static let dynamic = 17...22

    /// Sets the registers of a dynamic launch to zero, as TPM_HASH_START does (Part 2, 8.8).
    mutating func startDynamicLaunch() {
        for index in Self.dynamic { values[index] = .zero }
    }

    /// Sets the register 17 to the measurement that stands at the head of a dynamic launch (TPM_HASH_END).
    mutating func measureDynamicLaunch(_ measurement: Digest) {
        values[Self.dynamic.lowerBound] = SHA1.hash(Digest.zero, measurement)
    }

    /// What TPM_SaveState keeps: resettable registers take their start value instead (Part 3, 3.2 action 3.c).
    public func preserved() -> PCRBank {
        var bank = self
        for index in 0..<Self.count where Self.attributes(of: index).pcrReset {
            bank.values[index] = Self.startupValue(of: index)
        }
        return bank
    }
}
