import Logging
import VTPMManager
import XenBackend

/// The domains of the Xen that this program runs on.
struct Domains {
    /// False when it was built without the trait Xen.
    static var isBuilt: Bool {
        #if Xen
            true
        #else
            false
        #endif
    }

    private let backend: XenBackend

    init(_ manager: Manager, _ configuration: ManagerConfiguration.Xen, _ logger: Logger) throws(XenBusError) {
        #if Xen
            var options = XenOptions()
            options.measures = configuration.measures
            backend = XenBackend(try LiveBus(), manager, options, logger: logger)
            try backend.start()
        #else
            throw XenBusError("This vtpm was built without Xen.")
        #endif
    }

    func stop() { backend.stop() }
}
