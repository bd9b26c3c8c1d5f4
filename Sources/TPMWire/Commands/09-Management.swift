/// TPM_ResetLockValue (Part 3, 9.3).
public enum ResetLockValue: Command {
    public static let ordinal = Ordinal.resetLockValue
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}
