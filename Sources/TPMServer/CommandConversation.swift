import TPMEngine

/// TPM commands and their responses, as a TPM's driver sends and reads them.
final class CommandConversation: Conversation {
    /// Answers a command, or returns nil when the answer comes later.
    typealias Submit = (_ command: [UInt8], _ client: any CommandClient) -> [UInt8]?

    private let submit: Submit
    private let withdraw: (any CommandClient) -> Void
    private var framer = MessageFramer()

    init(submit: @escaping Submit, withdraw: @escaping (any CommandClient) -> Void) {
        self.submit = submit
        self.withdraw = withdraw
    }

    var isInRequest: Bool { framer.isInMessage }

    func append(_ bytes: UnsafeRawBufferPointer, _ descriptors: [Int32]) {
        closeAll(descriptors)
        framer.append(bytes)
    }

    func proceed(for client: any CommandClient) -> ConversationStep {
        switch framer.next() {
        case nil: return .needsMore
        case .command(let command): return submit(command, client).map { .answer($0) } ?? .comesLater
        case .unusable(let paramSize):
            framer = MessageFramer()
            return .last(
                TPM.failure(.badParamSize), reason: "A client sent a header with paramSize \(paramSize).")
        }
    }

    func end(for client: any CommandClient) { withdraw(client) }
}
