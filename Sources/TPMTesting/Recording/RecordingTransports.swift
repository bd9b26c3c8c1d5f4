import TPMClient
import TPMWire

/// Passes commands on to any TPM, a hardware one too, and writes them down with their answers.
public final class RecordingTransport: Transport {
    private let transport: any Transport
    public private(set) var recording = Recording()

    public init(_ transport: any Transport) { self.transport = transport }

    public func transmit(_ command: [UInt8]) throws -> [UInt8] {
        let answer = Result { try transport.transmit(command) }
        recording.events.append(.command(.init(command: command, answer: try? answer.get())))
        return try answer.get()
    }
}

/// Plays the TPM of a recording: answers the commands of then with the answers of then, and no others. The program
/// under test has to draw the same nonces as then.
public final class RecordedTPM: Transport {
    private var rest: ArraySlice<Recording.Exchange>
    /// How the first command that was not the one of then differed from it; the TPM answers nothing after that.
    public private(set) var difference: Difference?

    public init(_ recording: Recording) { rest = recording.exchanges[...] }

    /// The commands that did not come yet.
    public var remaining: Int { rest.count }

    public func transmit(_ command: [UInt8]) throws -> [UInt8] {
        if difference == nil {
            guard let next = rest.popFirst() else {
                throw ClientError.transport(
                    "The recording is over, and \(Message.name(of: Message.ordinal(of: command))) came.")
            }
            difference = Difference.betweenCommands(next.command, command)?.within("the recorded command")
            if difference == nil {
                guard let answer = next.answer else { throw ClientError.transport("The TPM has no power.") }
                return answer
            }
        }
        throw ClientError.transport("This is not the session of the recording: \(difference?.description ?? "")")
    }
}
