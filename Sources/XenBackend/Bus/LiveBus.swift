#if Xen
    import CXen
    import Glibc

    /// A real Xen, through libxenstore, libxengnttab and libxenevtchn.
    public final class LiveBus: XenBus, @unchecked Sendable {
        private let store: OpaquePointer
        private let grants: OpaquePointer
        private let watcher: LiveWatcher

        /// Connects to the xenstore, and to the kernel's device for grants.
        public init() throws(XenBusError) {
            guard let store = xs_open(0) else {
                throw .system("The xenstore cannot be reached: is this a domain of Xen, and does xenstored run?")
            }
            self.store = store
            guard let grants = xengnttab_open(nil, 0) else {
                let error = XenBusError.system("/dev/xen/gntdev cannot be opened: load the module xen-gntdev")
                xs_close(store)
                throw error
            }
            self.grants = grants
            watcher = try LiveWatcher(store)
        }

        // MARK: The xenstore

        public func read(_ path: String) throws(XenBusError) -> String? { try read(path, in: 0) }

        private func read(_ path: String, in transaction: xs_transaction_t) throws(XenBusError) -> String? {
            var length: UInt32 = 0
            guard let value = xs_read(store, transaction, path, &length) else {
                try refuseMissing("read", path)
                return nil
            }
            defer { free(value) }
            return String(validating: UnsafeRawBufferPointer(start: value, count: Int(length)), as: UTF8.self) ?? ""
        }

        public func children(of path: String) throws(XenBusError) -> [String] {
            var count: UInt32 = 0
            guard let names = xs_directory(store, 0, path, &count) else {
                try refuseMissing("listed", path)
                return []
            }
            defer { free(names) }
            return (0..<Int(count)).compactMap { names[$0].map { String(cString: $0) } }
        }

        public func write(_ entries: [XenEntry], ifThere condition: String) throws(XenBusError) -> Bool {
            for _ in 0..<Self.attempts {
                let transaction = xs_transaction_start(store)
                guard transaction != 0 else { throw .system("No transaction of the xenstore can be begun") }
                let isThere: Bool
                do throws(XenBusError) {
                    isThere = try read(condition, in: transaction) != nil
                    if isThere {
                        for entry in entries { try write(entry, in: transaction) }
                    }
                } catch {
                    xs_transaction_end(store, transaction, true)
                    throw error
                }
                if xs_transaction_end(store, transaction, !isThere) { return isThere }
                guard errno == EAGAIN else { throw .system("The xenstore takes no change of \(condition)") }
            }
            throw XenBusError("The xenstore takes no change of \(condition): others change it all the time.")
        }

        /// How often a transaction is tried that met another one.
        private static let attempts = 100

        public func write(_ entry: XenEntry) throws(XenBusError) { try write(entry, in: 0) }

        private func write(_ entry: XenEntry, in transaction: xs_transaction_t) throws(XenBusError) {
            let count = UInt32(clamping: entry.value.utf8.count)
            guard xs_write(store, transaction, entry.path, entry.value, count) else {
                throw .system("The entry \(entry.path) of the xenstore cannot be written")
            }
        }

        public func remove(_ path: String) throws(XenBusError) {
            if !xs_rm(store, 0, path) { try refuseMissing("removed", path) }
        }

        /// Throws unless the last call failed because there is no such entry for this domain.
        private func refuseMissing(_ action: String, _ path: String) throws(XenBusError) {
            guard errno == ENOENT || errno == EACCES else {
                throw .system("The entry \(path) of the xenstore cannot be \(action)")
            }
        }

        public func watch(
            _ path: String, _ changed: @escaping @Sendable (String) -> Void
        ) throws(XenBusError) -> any XenWatch { try watcher.watch(path, changed) }

        // MARK: Pages and channels

        public func map(_ grant: UInt32, of domain: UInt16) throws(XenBusError) -> any GrantedPage {
            guard let memory = xengnttab_map_grant_ref(grants, UInt32(domain), grant, PROT_READ | PROT_WRITE) else {
                throw .system("The page \(grant) of the domain \(domain) cannot be mapped")
            }
            return LivePage(memory, grants)
        }

        public func bind(_ port: UInt32, of domain: UInt16) throws(XenBusError) -> any EventChannel {
            try LiveChannel(port, of: domain)
        }
    }

    private final class LivePage: GrantedPage {
        let memory: UnsafeMutableRawPointer
        private let grants: OpaquePointer

        init(_ memory: UnsafeMutableRawPointer, _ grants: OpaquePointer) {
            self.memory = memory
            self.grants = grants
        }

        func unmap() { xengnttab_unmap(grants, memory, 1) }
    }

    /// An event channel with a descriptor of its own, so that the thread that serves the TPM hears of it at once.
    private final class LiveChannel: EventChannel {
        private let handle: OpaquePointer
        private let port: evtchn_port_t
        let descriptor: Int32

        init(_ remotePort: UInt32, of domain: UInt16) throws(XenBusError) {
            guard let handle = xenevtchn_open(nil, 0) else {
                throw .system("/dev/xen/evtchn cannot be opened: load the module xen-evtchn")
            }
            let bound = xenevtchn_bind_interdomain(handle, UInt32(domain), remotePort)
            guard let port = evtchn_port_t(exactly: bound) else {
                let error = XenBusError.system(
                    "The event channel \(remotePort) of the domain \(domain) cannot be bound")
                xenevtchn_close(handle)
                throw error
            }
            self.handle = handle
            self.port = port
            descriptor = xenevtchn_fd(handle)
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }

        func acknowledge() -> Bool {
            let pending = xenevtchn_pending(handle)
            guard let port = evtchn_port_t(exactly: pending) else { return errno == EAGAIN || errno == EINTR }
            return xenevtchn_unmask(handle, port) == 0
        }

        func notify() { xenevtchn_notify(handle, port) }

        func close() { xenevtchn_close(handle) }
    }

    extension XenBusError {
        /// With the reason that the last call left.
        static func system(_ sentence: String) -> XenBusError {
            XenBusError("\(sentence) (\(String(cString: strerror(errno)))).")
        }
    }
#endif
