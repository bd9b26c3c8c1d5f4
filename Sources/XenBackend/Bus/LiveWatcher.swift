#if Xen
    import CXen
    import Foundation
    import Synchronization

    /// The watches of a real xenstore, and the thread that hears of them as long as the process lives.
    final class LiveWatcher: @unchecked Sendable {
        private let store: OpaquePointer
        private let handlers = Mutex(Handlers())

        private struct Handlers {
            var next: UInt64 = 0
            var byToken: [String: @Sendable (String) -> Void] = [:]
        }

        init(_ store: OpaquePointer) throws(XenBusError) {
            self.store = store
            let thread = Thread { [self] in
                while hear() {}
            }
            thread.name = "xenstore"
            thread.start()
        }

        /// Waits for one event; false when there will be none.
        private func hear() -> Bool {
            var count: UInt32 = 0
            guard let event = xs_read_watch(store, &count) else { return errno == EINTR || errno == EAGAIN }
            defer { free(event) }
            guard count > UInt32(XS_WATCH_TOKEN.rawValue), let path = event[Int(XS_WATCH_PATH.rawValue)],
                let token = event[Int(XS_WATCH_TOKEN.rawValue)]
            else { return true }
            let handler = handlers.withLock { $0.byToken[String(cString: token)] }
            handler?(String(cString: path))
            return true
        }

        func watch(
            _ path: String, _ changed: @escaping @Sendable (String) -> Void
        ) throws(XenBusError) -> LiveWatch {
            let token = handlers.withLock { handlers in
                handlers.next += 1
                let token = String(handlers.next)
                handlers.byToken[token] = changed
                return token
            }
            guard xs_watch(store, path, token) else {
                let error = XenBusError.system("The entry \(path) of the xenstore cannot be watched")
                handlers.withLock { $0.byToken[token] = nil }
                throw error
            }
            return LiveWatch(self, path, token)
        }

        fileprivate func cancel(_ path: String, _ token: String) {
            xs_unwatch(store, path, token)
            handlers.withLock { $0.byToken[token] = nil }
        }
    }

    final class LiveWatch: XenWatch {
        private let watcher: LiveWatcher
        private let path: String
        private let token: String

        init(_ watcher: LiveWatcher, _ path: String, _ token: String) {
            self.watcher = watcher
            self.path = path
            self.token = token
        }

        func cancel() { watcher.cancel(path, token) }
    }
#endif
