import Testing

@testable import vtpm

@Suite struct SubOptionsTests {
    private static let keys: KeyValuePairs<String, SubOptions.Form> = [
        "path": .value, "port": .value, "fd": .value, "mode": .value, "truncate": .flag,
    ]

    private func parse(_ text: String) throws(SwtpmError) -> SubOptions {
        try SubOptions(text, of: "--opt", keys: Self.keys)
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "it was not refused"
        } catch {
            return "\(error)"
        }
    }

    @Test func keysHaveValuesAndFlagsMayHaveThem() throws {
        let options = try parse("path=/a=b,truncate,port=17")
        #expect(options["path"] == "/a=b")
        #expect(options.isSet("truncate"))
        #expect(try options.number("port", in: 0...65535) == 17)
        #expect(!options.has("fd"))
        #expect(try options.descriptor("fd") == nil)
        #expect(try parse("truncate=true").isSet("truncate"))
        let cleared = try parse("truncate=false")
        #expect(cleared.has("truncate") && !cleared.isSet("truncate"))
    }

    @Test(arguments: [
        ("", "--opt: there is no '' here; it takes path, port, fd, mode, truncate."),
        ("path=x,", "there is no '' here"), (",path=x", "there is no '' here"),
        ("paht=x", "there is no 'paht=x' here"), ("Path=x", "there is no 'Path=x' here"),
        ("path = x", "there is no 'path = x' here"), ("=x", "there is no '=x' here"),
        ("path=a,b", "there is no 'b' here"),
        ("path", "--opt: 'path=' has no value."), ("path=", "--opt: 'path=' has no value."),
        ("path=a,path=a", "--opt: 'path' is there twice."), ("truncate,truncate=false", "'truncate' is there twice."),
        ("truncate=", "'truncate' is true or false, not ''."),
        ("truncate=yes", "'truncate' is true or false, not 'yes'."),
    ])
    func whatIsNoPartOfTheOptionIsNamed(text: String, sentence: String) {
        #expect(refusal { _ = try parse(text) }.contains(sentence))
    }

    @Test(arguments: ["x", "-1", "+1", "1.0", "0x10", "١", "1 ", "99999999999999999999", "65536"])
    func numbersAreDecimalAndInRange(text: String) {
        let sentence = refusal { _ = try parse("port=\(text)").number("port", in: 0...65535) }
        #expect(sentence.hasPrefix("--opt: port "))
        #expect(sentence.contains(text))
    }

    @Test func modesAreOctal() throws {
        #expect(try parse("mode=0640").mode("mode") == 0o640)
        #expect(try parse("mode=777").mode("mode") == 0o777)
        #expect(try parse("path=x").mode("mode") == nil)
        for text in ["0888", "01000", "abc", "-7", "+7", "7777777777777777777777"] {
            #expect(refusal { _ = try parse("mode=\(text)").mode("mode") }.contains("'mode=\(text)' is no mode"))
        }
    }

    @Test func choicesAreNamedWhenThereIsNone() throws {
        let words: KeyValuePairs = ["one": 1, "two": 2]
        #expect(try parse("path=two").choice("path", words) == 2)
        #expect(try parse("fd=1").choice("path", words) == nil)
        #expect(
            refusal { _ = try parse("path=three").choice("path", words) }
                == "--opt: there is no 'path=three'; it takes one, two.")
    }

    @Test func whatExcludesEachOtherIsRefused() throws {
        #expect(try parse("path=a").only(of: ["path", "fd"]) == "path")
        #expect(try parse("port=1").only(of: ["path", "fd"]) == nil)
        #expect(
            refusal { _ = try parse("fd=3,path=a").only(of: ["path", "fd"]) }.contains("only one of 'path' and 'fd'"))
        #expect(
            refusal { try parse("fd=3,mode=0600").refuse(["port", "mode"], beside: "fd=") }
                == "--opt: 'mode' has no effect with fd=: leave it away.")
    }
}
