/// Why a process cannot become what it shall be, as a sentence.
public struct ProcessError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
