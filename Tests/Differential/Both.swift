/// One of the two TPMs that are held against each other.
enum Side: String, CaseIterable {
    /// The engine in this process.
    case vtpm
    /// Debian's swtpm.
    case swtpm
}

/// A value of each TPM: a handle, a session, a blob. What a step names is one thing, and two values.
struct Both<Value> {
    var vtpm: Value
    var swtpm: Value

    init(_ vtpm: Value, _ swtpm: Value) {
        self.vtpm = vtpm
        self.swtpm = swtpm
    }

    /// The same value for both.
    init(_ value: Value) { self.init(value, value) }

    /// Asks for each side's value, ours first.
    init(each value: (Side) throws -> Value) rethrows { self.init(try value(.vtpm), try value(.swtpm)) }

    subscript(side: Side) -> Value {
        get { side == .vtpm ? vtpm : swtpm }
        set { if side == .vtpm { vtpm = newValue } else { swtpm = newValue } }
    }

    func map<Other>(_ transform: (Value) throws -> Other) rethrows -> Both<Other> {
        Both<Other>(try transform(vtpm), try transform(swtpm))
    }

    /// Nil unless both sides have something.
    func compactMap<Other>(_ transform: (Value) throws -> Other?) rethrows -> Both<Other>? {
        guard let ours = try transform(vtpm), let theirs = try transform(swtpm) else { return nil }
        return Both<Other>(ours, theirs)
    }
}
