/// One row of the table: what is measured, how often, and what is asked of it.
struct Measurement {
    let name: String
    let samples: Int
    let target: Target
    /// How often a subject runs before it is the next one's turn.
    private static let turn = 5
    /// One run: sets up what the command needs and gives the time of the command alone.
    let run: (Subject) throws -> Duration

    init(_ name: String, samples: Int, target: Target = .none, _ run: @escaping (Subject) throws -> Duration) {
        self.name = name
        self.samples = samples
        self.target = target
        self.run = run
    }

    /// Runs all subjects and what the target is measured by in turn, so that noise hits each alike; a few times each, as
    /// a client that uses a TPM does.
    func result(of subjects: [Subject]) throws -> Row {
        var times = [[Duration]](repeating: [], count: subjects.count)
        var baseline: [Duration] = []
        for _ in 0..<max(1, samples / Self.turn) {
            for (index, subject) in subjects.enumerated() {
                for _ in 0..<Self.turn { times[index].append(try run(subject)) }
            }
            if let measure = target.baseline {
                for _ in 0..<Self.turn { baseline.append(try measure()) }
            }
        }
        let medians = times.map(median)
        return Row(
            name: name, vtpm: medians.first ?? .zero, swtpm: medians.dropFirst().first, target: target,
            baseline: median(baseline))
    }
}

/// What a time is held against.
enum Target {
    case none
    /// At most this part of swtpm's time.
    case ofSwtpm(Double)
    /// At most 1.15 times a bare RSA-2048 private operation and 60 µs.
    case privateOperation(measure: () throws -> Duration)
    /// At most this part of OpenSSL's time for a key.
    case ofKeyGeneration(Double, measure: () throws -> Duration)
    case atMost(Duration)

    var baseline: (() throws -> Duration)? {
        switch self {
        case .none, .ofSwtpm, .atMost: nil
        case .privateOperation(let measure), .ofKeyGeneration(_, let measure): measure
        }
    }
}

/// The middle of the sorted values; zero without any.
func median(_ values: [Duration]) -> Duration {
    values.isEmpty ? .zero : values.sorted()[values.count / 2]
}
