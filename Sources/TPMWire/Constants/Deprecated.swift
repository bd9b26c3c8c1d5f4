/// TPM_SYM_MODE, 4 bytes: what TPM_CAP_SYM_MODE asks for (Part 2, 24.6; deprecated).
public enum SymMode: UInt32, Sendable, CaseIterable {
    case ecb = 1
    case cbc = 2
    case cfb = 3
}
