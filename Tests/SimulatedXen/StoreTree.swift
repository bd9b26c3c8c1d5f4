/// The entries of a xenstore.
struct StoreTree {
    private struct Node {
        var value: [UInt8] = []
        var children: [String: Node] = [:]
    }

    private var root = Node()

    func value(at path: StorePath) -> [UInt8]? { node(at: path)?.value }

    /// In the order of the alphabet.
    func children(of path: StorePath) -> [String] { node(at: path)?.children.keys.sorted() ?? [] }

    /// Sets a value, and makes what is missing above it with empty ones.
    mutating func write(_ value: [UInt8], at path: StorePath) { Self.write(value, path.names[...], &root) }

    /// Removes an entry and all below it; returns the paths of what was removed, that of the entry first.
    mutating func remove(_ path: StorePath) -> [StorePath] {
        guard let removed = node(at: path) else { return [] }
        Self.remove(path.names[...], &root)
        return Self.paths(removed, path)
    }

    private func node(at path: StorePath) -> Node? {
        var node = root
        for name in path.names {
            guard let child = node.children[name] else { return nil }
            node = child
        }
        return node
    }

    private static func write(_ value: [UInt8], _ names: ArraySlice<String>, _ node: inout Node) {
        guard let name = names.first else {
            node.value = value
            return
        }
        write(value, names.dropFirst(), &node.children[name, default: Node()])
    }

    private static func remove(_ names: ArraySlice<String>, _ node: inout Node) {
        guard let name = names.first else {
            node.children = [:]
            return
        }
        if names.count == 1 {
            node.children[name] = nil
        } else if var child = node.children[name] {
            remove(names.dropFirst(), &child)
            node.children[name] = child
        }
    }

    private static func paths(_ node: Node, _ path: StorePath) -> [StorePath] {
        [path] + node.children.sorted { $0.key < $1.key }.flatMap { paths($0.value, path.appending($0.key)) }
    }
}
