import Dispatch
import Synchronization
import XenBackend

/// A xenstore in memory, which every domain sees alike: there are no permissions and no quotas.
public final class SimulatedStore: Sendable {
    fileprivate struct Contents {
        var tree = StoreTree()
        var watches: [StoreWatch] = []
        var histories: [StorePath: [String?]] = [:]
    }

    private let contents = Mutex(Contents())
    private let changes: Changes

    init(_ changes: Changes) { self.changes = changes }

    // MARK: Entries

    /// The text of an entry, empty for one that is no UTF-8; nil when there is none.
    public func read(_ path: String, of domain: UInt16 = 0) throws(XenBusError) -> String? {
        let path = try StorePath(path, of: domain)
        return contents.withLock { $0.tree.value(at: path) }.map { String(validating: $0, as: UTF8.self) ?? "" }
    }

    public func children(of path: String, of domain: UInt16 = 0) throws(XenBusError) -> [String] {
        let path = try StorePath(path, of: domain)
        return contents.withLock { $0.tree.children(of: path) }
    }

    /// Does several things as one, when there is an entry at `condition`; false when there is none, and nothing is done.
    @discardableResult
    public func change(
        _ steps: [StoreStep], of domain: UInt16 = 0, ifThere condition: String? = nil
    ) throws(XenBusError) -> Bool {
        var parsed: [(path: StorePath, value: [UInt8]?)] = []
        for step in steps { parsed.append((try StorePath(step.path, of: domain), step.value)) }
        let needed = try condition.map { path throws(XenBusError) in try StorePath(path, of: domain) }
        let isDone = contents.withLock { contents in
            if let needed, contents.tree.value(at: needed) == nil { return false }
            for (path, value) in parsed { contents.apply(path, value) }
            return true
        }
        changes.note()
        return isDone
    }

    // MARK: What was

    /// From here on remembers the values of an entry.
    public func record(_ path: String) throws(XenBusError) {
        let path = try StorePath(path)
        contents.withLock { $0.histories[path] = [$0.tree.value(at: path).map { String(decoding: $0, as: UTF8.self) }] }
    }

    /// The value that a recorded entry had when the recording began, and each that was written since, nil where it was
    /// removed.
    public func history(_ path: String) throws(XenBusError) -> [String?] {
        let path = try StorePath(path)
        return contents.withLock { $0.histories[path] ?? [] }
    }

    // MARK: Watches

    /// Calls `changed` on the queue: once at first, and then after each change at the path or below.
    func watch(
        _ path: String, of domain: UInt16, on queue: DispatchQueue, _ changed: @escaping @Sendable (String) -> Void
    ) throws(XenBusError) -> StoreWatch {
        let isSpecial = path.hasPrefix("@")
        let watch = StoreWatch(
            store: self, path: isSpecial ? nil : try StorePath(path, of: domain), text: path, queue: queue, changed)
        contents.withLock { contents in
            contents.watches.append(watch)
            watch.tell(path)
        }
        return watch
    }

    /// Tells those who watch a name of xenstored's own, which begins with an @.
    func fire(_ special: String) {
        contents.withLock { contents in
            for watch in contents.watches where watch.path == nil && watch.text == special { watch.tell(special) }
        }
    }

    fileprivate func forget(_ watch: StoreWatch) {
        contents.withLock { contents in contents.watches.removeAll { $0 === watch } }
        changes.note()
    }
}

/// What is done to an entry.
public struct StoreStep: Sendable {
    let path: String
    /// Nil to remove it.
    let value: [UInt8]?

    public static func write(_ path: String, _ value: String) -> StoreStep {
        StoreStep(path: path, value: Array(value.utf8))
    }

    public static func write(_ path: String, bytes: [UInt8]) -> StoreStep { StoreStep(path: path, value: bytes) }

    public static func remove(_ path: String) -> StoreStep { StoreStep(path: path, value: nil) }
}

extension SimulatedStore.Contents {
    fileprivate mutating func apply(_ path: StorePath, _ value: [UInt8]?) {
        guard let value else {
            let removed = tree.remove(path)
            guard !removed.isEmpty else { return }
            tell(path) { path.isAt(orBelow: $0) }
            for gone in removed.dropFirst() { tell(gone) { gone == $0 } }
            for gone in removed { histories[gone]?.append(nil) }
            return
        }
        tree.write(value, at: path)
        histories[path]?.append(String(decoding: value, as: UTF8.self))
        tell(path) { path.isAt(orBelow: $0) }
    }

    private func tell(_ path: StorePath, where isWatched: (StorePath) -> Bool) {
        for watch in watches {
            if let watched = watch.path, isWatched(watched) { watch.tell(watch.name(of: path, watched)) }
        }
    }
}

/// Who is told of changes.
final class StoreWatch: XenWatch {
    private let store: SimulatedStore
    /// Nil for a name of xenstored's own.
    fileprivate let path: StorePath?
    /// As it was asked for.
    fileprivate let text: String
    private let queue: DispatchQueue
    private let changed: @Sendable (String) -> Void
    private let isCancelled = Atomic(false)

    fileprivate init(
        store: SimulatedStore, path: StorePath?, text: String, queue: DispatchQueue,
        _ changed: @escaping @Sendable (String) -> Void
    ) {
        self.store = store
        self.path = path
        self.text = text
        self.queue = queue
        self.changed = changed
    }

    func cancel() {
        isCancelled.store(true, ordering: .sequentiallyConsistent)
        store.forget(self)
    }

    /// What `path` is called for one who watches: as the watch was, with a slash at the front or without.
    fileprivate func name(of path: StorePath, _ watched: StorePath) -> String {
        ([text] + path.names.dropFirst(watched.names.count)).joined(separator: "/")
    }

    fileprivate func tell(_ path: String) {
        queue.async { [self] in
            guard !isCancelled.load(ordering: .sequentiallyConsistent) else { return }
            changed(path)
        }
    }
}
