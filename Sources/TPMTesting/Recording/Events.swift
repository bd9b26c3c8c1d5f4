import TPMEngine

extension TestTPM {
    /// Has something happen to the TPM. Returns the answer to a command; nil when there is none.
    @discardableResult
    public func perform(_ event: Recording.Event) -> [UInt8]? {
        switch event {
        case .clock(let microseconds): clock.microseconds = microseconds
        case .powerOff: powerOff()
        // Only a store that holds no state has a reason to refuse, and this one has.
        case .powerOn: try? powerOn()
        case .presence(let isOn): presencePin = isOn
        case .store(let fault): storeFault = fault
        case .random(let fault): randomFault = fault
        case .command(let exchange): return try? execute(exchange.command, at: exchange.locality)
        }
        return nil
    }

    /// The same in the words of a recording, and besides "power cycle" and "locality 0" to 4: for programs that have
    /// the TPM at a socket and no other hold of it.
    ///
    ///     clock 5.000000
    ///     power off
    ///     store loses the power before write 2
    ///     random repeats
    public func perform(words: String) throws {
        switch words {
        case "power cycle": try powerCycle()
        case "locality 0", "locality 1", "locality 2", "locality 3", "locality 4":
            guard let number = UInt8(words.suffix(1)), let named = Locality(rawValue: number) else { return }
            locality = named
        default: perform(try Recording.Event(words: words))
        }
    }
}

extension Recording.Event {
    /// An event that is one line of ``Recording/text``: no command.
    public init(words: String) throws(RecordingError) {
        let recording = try Recording(text: "TPM session \(RecordingFormat.version)\n\(words)\nend")
        guard recording.origin == nil, recording.events.count == 1, let event = recording.events.first else {
            throw RecordingError(line: 1, reason: "\"\(words)\" is nothing that happens to a TPM.")
        }
        self = event
    }
}
