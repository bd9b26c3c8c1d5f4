import TPMClient
import TPMWire

extension Chapter {
    /// Part 3, 4.
    static var testing: Chapter {
        Chapter(
            flows: [
                Flow("4-self-test", from: .new) { pair in
                    try pair.send(SelfTestFull.self, .init())
                    try pair.send(ContinueSelfTest.self, .init())
                    try pair.send(GetTestResult.self, .init())
                }
            ],
            actions: [
                Action { pair, _ in try pair.send(ContinueSelfTest.self, .init()) },
                Action { pair, _ in try pair.send(GetTestResult.self, .init()) },
            ])
    }
}
