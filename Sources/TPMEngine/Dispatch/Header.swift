import TPMWire

/// The first ten bytes of every command and response: tag, paramSize, and the ordinal or return code.
struct Header: WireStructure, Equatable {
    static let byteCount = 10

    var tag = CommandTag.rquCommand
    var paramSize: UInt32 = 0
    var code: UInt32 = 0

    init() {}

    init(tag: CommandTag, paramSize: UInt32, code: UInt32) {
        self.tag = tag
        self.paramSize = paramSize
        self.code = code
    }

    var ordinal: Ordinal { Ordinal(rawValue: code) }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("tag", &tag, else: .badTag)
        try coder.uint32("paramSize", &paramSize)
        try coder.uint32("ordinal", &code)
    }
}
