import TPMClient
import TPMCrypto
import TPMTesting

/// What a TPM in a test costs, in the test's process.
func testTPMs() throws -> [Row] {
    func row(_ name: String, _ limit: Duration, _ times: [Duration]) -> Row {
        Row(name: name, vtpm: median(times), swtpm: nil, target: .atMost(limit), baseline: .zero)
    }
    // Each with a seed of its own, and so with keys of its own.
    let fresh = try (0..<201).map { seed in try time { try TestTPM(.owned, seed: "\(seed)") } }
    let busy = try TestTPM(.withKeys)
    for _ in 0..<8 { _ = try busy.client.oiap(.wellKnown) }
    let fork = try (0..<2001).map { _ in try time { busy.fork() } }
    let tried = try (0..<2001).map { _ in
        try time { try busy.fork().client.extend(10, with: Digest(repeating: 7)) }
    }
    return [
        row("TestTPM: a fresh one with an owner", .milliseconds(2), fresh),
        row("TestTPM: fork", .microseconds(50), fork),
        Row(name: "TestTPM: fork, and Extend in it", vtpm: median(tried), swtpm: nil, target: .none, baseline: .zero),
    ]
}
