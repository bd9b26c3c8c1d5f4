import ArgumentParser
import TPMEngine
import TPMWire

struct Ordinals: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show every command of the specification and what it asks for.",
        discussion: "It is the table of Part 2, section 17, that `vtpm emulate` checks each command by.")

    @Flag(help: "Print it as Markdown.")
    var markdown = false

    @Flag(help: "Print only the names of those that `vtpm emulate` ought to have and has not; exit with 1 for any.")
    var missing = false

    func validate() throws {
        if markdown, missing { throw ValidationError("--missing is a list of names; leave --markdown out.") }
    }

    func run() throws {
        guard !missing else {
            for ordinal in TPM.missingOrdinals { print(ordinal) }
            if !TPM.missingOrdinals.isEmpty { throw ExitCode.failure }
            return
        }
        let listing = OrdinalListing { TPM.omittedOrdinals[$0.ordinal] ?? "" }
        print(markdown ? listing.markdown : listing.text)
    }
}
