/// How a ``TestTPM`` is when a test gets it: how far it has come, and what else is the matter with it.
///
///     TestTPM(.owned)
///     TestTPM(.endorsed.and(.deactivated))
///
/// As text it is the words with commas between, "owned, locked-out".
public struct Start: Sendable, Hashable {
    /// Each stage has what the ones before it have.
    public enum Stage: String, Sendable, CaseIterable {
        /// Enabled, active and started; no endorsement key, no owner.
        case factory
        /// With an endorsement key, as a TPM that a maker sells.
        case endorsed
        /// With an owner and an SRK, whose secrets are ``KnownSecrets``.
        case owned
        /// With a loaded key of each ``TestKey/Role`` below the SRK.
        case withKeys = "with-keys"
    }

    public enum Condition: String, Sendable, CaseIterable {
        /// TPM_PERMANENT_FLAGS -> disable is set.
        case disabled
        /// Deactivated, now and after every start.
        case deactivated
        /// So many authorizations failed that none is possible until the clock is turned (Part 1, 8.7).
        case lockedOut = "locked-out"
        /// A self-test failed: the TPM is shut down until it starts again (Part 1, 9.2).
        case failed
        /// TPM_Init is over and TPM_Startup did not come yet; no key is loaded.
        case unstarted
    }

    public var stage: Stage
    public var conditions: Set<Condition>

    public init(_ stage: Stage, _ conditions: Set<Condition> = []) {
        self.stage = stage
        self.conditions = conditions
    }

    public static let factory = Start(.factory)
    public static let endorsed = Start(.endorsed)
    public static let owned = Start(.owned)
    public static let withKeys = Start(.withKeys)

    /// An owned TPM that is disabled.
    public static let disabled = owned.and(.disabled)
    /// An owned TPM that is deactivated.
    public static let deactivated = owned.and(.deactivated)
    /// An owned TPM that is locked out.
    public static let lockedOut = owned.and(.lockedOut)

    /// The same with more conditions.
    public func and(_ more: Condition...) -> Start { Start(stage, conditions.union(more)) }
}

extension Start: LosslessStringConvertible {
    public var description: String {
        let words = [stage.rawValue] + Condition.allCases.filter(conditions.contains).map(\.rawValue)
        return words.joined(separator: ", ")
    }

    /// Nil unless the words are a stage and then conditions.
    public init?(_ description: String) {
        let words = description.split(separator: ",", omittingEmptySubsequences: false).map { word in
            String(word.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        guard let first = words.first, let stage = Stage(rawValue: first) else { return nil }
        let conditions = words.dropFirst().map(Condition.init(rawValue:))
        guard !conditions.contains(nil) else { return nil }
        self.init(stage, Set(conditions.compactMap { $0 }))
    }
}
