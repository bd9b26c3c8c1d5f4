import ArgumentParser

/// Numbers of PCRs as an option takes them: `0,2,4-7`.
struct PCRList: ExpressibleByArgument {
    let indices: [Int]

    init?(argument: String) {
        var indices: Set<Int> = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, (0..<24).contains(first),
                (0..<24).contains(last)
            else { return nil }
            indices.formUnion(first...last)
        }
        self.indices = indices.sorted()
    }
}
