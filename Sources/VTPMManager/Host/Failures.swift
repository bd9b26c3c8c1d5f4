import HardwareAnchor
import TPMCrypto
import TPMServer

extension ManagerError {
    init(_ error: AnchorError) {
        let kind: Kind =
            switch error {
            case .otherConfiguration: .notApproved
            case .unfit: .invalid
            default: .hardware
            }
        self.init(kind, error.description)
    }

    init(_ failure: StoreFailure) {
        let kind: Kind =
            switch failure {
            case .noGuest, .noGroup: .notFound
            case .nameTaken, .groupHasGuests, .served, .notLocked, .exists, .inUse: .conflict
            case .invalidName, .tooLarge: .invalid
            case .groupClosed: .notApproved
            case .cryptography: .failed
            default: .store
            }
        self.init(kind, failure.description)
    }

    init(_ error: StoreError) { self.init(.store, error.description) }

    init(_ error: CryptoError) { self.init(.failed, "The cryptography failed: \(error.what).") }

    /// Whichever of these it is.
    init(any error: any Error) {
        switch error {
        case let error as ManagerError: self = error
        case let error as AnchorError: self.init(error)
        case let error as StoreFailure: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as CryptoError: self.init(error)
        default: self.init(.failed, "\(error)")
        }
    }
}
