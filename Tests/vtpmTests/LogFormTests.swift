import Foundation
import Glibc
import Logging
import Testing

@testable import vtpm

@Suite struct LogFormTests {
    private static let time = Date(timeIntervalSince1970: 1_700_000_000.1239)
    private static let metadata: Logger.Metadata = [
        "uuid": "6F9C", "guest": "a b", "ports": .array(["1", .stringConvertible(2)]),
        "more": .dictionary(["key": "value"]),
    ]

    private func text(_ form: LogForm, _ message: String, _ metadata: Logger.Metadata = [:]) -> String {
        form.text(of: message, .notice, metadata, at: Self.time)
    }

    @Test func peopleReadALine() {
        #expect(text(.text, "It began.") == "2023-11-14T22:13:20.123Z notice: It began.")
        #expect(
            text(.text, "It began.", ["uuid": "6F9C", "guest": "a b"])
                == #"2023-11-14T22:13:20.123Z notice: It began. guest="a b" uuid=6F9C"#)
        #expect(text(.text, "one\ntwo\u{1b}[0m").hasSuffix(#"one\ntwo\u{1B}[0m"#))
    }

    @Test func programsReadAnObject() throws {
        let line = text(.json, "say \"no\"\nmore\u{1}", Self.metadata)
        #expect(!line.contains("\n"))
        #expect(line.hasPrefix(#"{"time":"2023-11-14T22:13:20.123Z","level":"notice","message":"#))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "say \"no\"\nmore\u{1}")
        #expect(object["guest"] as? String == "a b" && object["uuid"] as? String == "6F9C")
        #expect(object["ports"] as? [String] == ["1", "2"])
        #expect(object["more"] as? [String: String] == ["key": "value"])
    }

    @Test func whatIsAttachedReplacesNothing() throws {
        let line = text(.json, "m", ["level": "trace", "message": "x", "time": "y"])
        #expect(line == #"{"time":"2023-11-14T22:13:20.123Z","level":"notice","message":"m"}"#)
    }

    @Test func theMessageAloneIsAsItIs() { #expect(text(.message, "one\ntwo", Self.metadata) == "one\ntwo") }

    @Test func handlersAttachWhatTheyHave() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let file = LogFile(descriptor: ends[1])
        var logger = Logger(label: "test") { _ in LogFileHandler(file: file, form: .json, logLevel: .info) }
        logger[metadataKey: "guest"] = "web"
        logger.debug("too little")
        logger.info("enough", metadata: ["uuid": "1"])
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        let line = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        #expect(line.hasSuffix(#""level":"info","message":"enough","guest":"web","uuid":"1"}"# + "\n"))
        #expect(!line.contains("too little"))
    }
}
