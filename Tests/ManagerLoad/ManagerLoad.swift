import Foundation
import Glibc
import TPMClient

/// Uses the TPMs of guests as their owners do, and knows afterwards what they must still hold.
///
///     vtpm-manager-load own DIRECTORY ADDRESS…               an owner, a key, sealed data, NV areas and a counter in each
///     vtpm-manager-load write DIRECTORY ADDRESS…             counts up in all of them at once, until SIGTERM
///     vtpm-manager-load advance DIRECTORY TIMES ADDRESS…     the same so many times, one after the other
///     vtpm-manager-load verify DIRECTORY ADDRESS…            everything is there, and every number that was answered
///     vtpm-manager-load measure read|write SECONDS CONNECTIONS ADDRESS…   commands a second
///
/// DIRECTORY keeps what has to be remembered of each guest, in a directory of its socket's or device's name; what
/// `measure` writes is not remembered. The status is 1 when something is lost or does not work.
@main enum ManagerLoad {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch arguments.first {
            case "own" where arguments.count > 2:
                for guest in try guests(arguments[1], arguments[2...]) { try guest.own() }
            case "write" where arguments.count > 2:
                try Writers(try guests(arguments[1], arguments[2...])).run()
            case "advance" where arguments.count > 3:
                for guest in try guests(arguments[1], arguments[3...]) {
                    try guest.advance(times: try number(arguments[2]))
                }
            case "verify" where arguments.count > 2:
                for guest in try guests(arguments[1], arguments[2...]) { try guest.verify() }
            case "measure" where arguments.count > 4:
                let throughput = Throughput(
                    addresses: try arguments[4...].map { try TPMAddress($0) }, connections: try number(arguments[3]),
                    duration: .seconds(try number(arguments[2])))
                say(try throughput.measure(try Throughput.Load(named: arguments[1])))
            default:
                say("usage: vtpm-manager-load own|write|advance|verify|measure …")
                exit(2)
            }
        } catch {
            say("failed: \(error)")
            exit(1)
        }
    }

    private static func guests(_ directory: String, _ addresses: ArraySlice<String>) throws -> [GuestTPM] {
        try addresses.map { try GuestTPM(try TPMAddress($0), rememberedIn: directory) }
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text), number > 0 else { throw LoadFailure("\(text): not a number above zero") }
        return number
    }
}

/// What is not as it must be, in a sentence.
struct LoadFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Writes a line at once, whole.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
}
