import Foundation
import Logging
import Synchronization

/// The threads on which requests of the admin socket wait for the disk and the TPM.
final class AdminWorkers: Sendable {
    private let routes: AdminRoutes
    private let logger: Logger
    private let usual = AdminWorkers.queue(ofMost: 8)
    /// A TPM that hangs must not keep an operator from asking what is wrong.
    private let quick = AdminWorkers.queue(ofMost: 2)
    private let isStopped = Mutex(false)

    init(_ routes: AdminRoutes, logger: Logger) {
        self.routes = routes
        self.logger = logger
    }

    private static func queue(ofMost count: Int) -> OperationQueue {
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = count
        return queue
    }

    /// Answers a request, soon and on another thread: never, once it is stopped.
    @Sendable func perform(_ request: AdminRequest, _ answer: @escaping @Sendable (AdminResponse) -> Void) {
        isStopped.withLock { isStopped in
            guard !isStopped else { return }
            let queue = AdminRoutes.isQuick(request) ? quick : usual
            queue.addOperation { [routes, logger] in
                let response = routes.answer(request)
                // Paths were decoded, and may hold anything.
                let path = "/\(request.path.joined(separator: "/"))".debugDescription.prefix(200)
                logger.debug("The admin socket was asked to \(request.method.prefix(20)) \(path): \(response.status).")
                answer(response)
            }
        }
    }

    /// Begins with no other request, and returns when the last that it began with is answered.
    func stop() {
        isStopped.withLock { $0 = true }
        for queue in [usual, quick] {
            queue.cancelAllOperations()
            queue.waitUntilAllOperationsAreFinished()
        }
    }
}
