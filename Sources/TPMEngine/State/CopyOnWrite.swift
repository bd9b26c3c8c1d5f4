/// A value behind one reference: a copy costs a retain, and the first write to a shared one copies the value.
///
/// The engine copies the whole state for every command, so its large parts sit behind this; that a part was written
/// to is seen from ``identity``, without comparing values.
@propertyWrapper
public struct CopyOnWrite<Value: Sendable>: Sendable {
    private final class Storage: @unchecked Sendable {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    private var storage: Storage

    public init(wrappedValue: Value) { storage = Storage(wrappedValue) }

    public var wrappedValue: Value {
        get { storage.value }
        _modify {
            if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.value) }
            yield &storage.value
        }
        set { self = CopyOnWrite(wrappedValue: newValue) }
    }

    public var projectedValue: CopyOnWrite { self }

    /// The same for two copies of which neither was written to since.
    public var identity: ObjectIdentifier { ObjectIdentifier(storage) }
}
