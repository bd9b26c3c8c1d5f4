/// TPM_REDIR_COMMAND, 4 bytes: where TPM_SetRedirection sends a key's output (Part 2, 23.1).
public enum RedirCommand: UInt32, Sendable, CaseIterable {
    /// To general purpose pins; Part 3, 9.2 alone has the name.
    case gpio = 1
}

/// TPM_SYM_MODE, 4 bytes: what TPM_CAP_SYM_MODE asks for (Part 2, 24.6; deprecated).
public enum SymMode: UInt32, Sendable, CaseIterable {
    case ecb = 1
    case cbc = 2
    case cfb = 3
}
