import TPMWire

/// An answer in words, told apart by the command that it answers.
public struct AnswerDescription {
    public let isSuccess: Bool
    /// The return code and the fields of the answer, one a line; nil when the answer does not fit the command.
    public let text: String?

    public init(of answer: [UInt8], to command: [UInt8]) {
        var ordinal: UInt32 = 0
        var header = AnswerHeader()
        do throws(TPMResult) {
            var decoder = WireDecoder(answer)
            try header.code(&decoder)
            var request = WireDecoder(command.dropFirst(6))
            try request.uint32("ordinal", &ordinal)
        } catch {
            isSuccess = false
            text = nil
            return
        }
        let result = TPMResult(rawValue: header.returnCode)
        isSuccess = result == .success
        let name = "\(Ordinal(rawValue: ordinal)): \(result)"
        guard isSuccess else {
            text = name + (result.meaning.map { ": \($0)" } ?? "")
            return
        }
        guard let type = CommandTable.command(for: Ordinal(rawValue: ordinal)),
            let fields = try? Self.fields(type, answer, header.tag)
        else {
            text = nil
            return
        }
        let lines = fields.map { field in
            String(repeating: "  ", count: field.depth + 1) + field.name + (field.value.isEmpty ? "" : ": ") + field.value
        }
        text = ([name] + lines).joined(separator: "\n")
    }

    private static func fields<C: Command>(
        _ command: C.Type, _ answer: [UInt8], _ tag: UInt16
    ) throws(TPMResult) -> [WireDescriber.Field] {
        let sessions = tag == CommandTag.rspAuth2.rawValue ? 2 : tag == CommandTag.rspAuth1.rawValue ? 1 : 0
        let end = answer.count - sessions * AuthResponse.byteCount
        guard end >= AnswerHeader.byteCount else { throw .badParamSize }
        var response = C.Response()
        var decoder = WireDecoder(answer[AnswerHeader.byteCount..<end])
        try response.handles(&decoder)
        try response.code(&decoder)
        try decoder.finish()
        var trailers: [AuthResponse] = []
        var rest = WireDecoder(answer[end...])
        try rest.array("auth", &trailers, count: sessions)
        var describer = WireDescriber()
        try response.handles(&describer)
        try response.code(&describer)
        try describer.array("auth", &trailers, count: sessions)
        return describer.fields
    }
}

/// What every answer starts with, 10 bytes (Part 2, 6).
struct AnswerHeader: WireStructure {
    static let byteCount = 10

    var tag: UInt16 = 0
    var paramSize: UInt32 = 0
    var returnCode: UInt32 = 0

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint16("tag", &tag)
        try coder.uint32("paramSize", &paramSize)
        try coder.uint32("returnCode", &returnCode)
    }
}
