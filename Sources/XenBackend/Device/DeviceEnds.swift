/// What the xenstore says of both ends of a vTPM device.
struct DeviceEnds: Sendable {
    /// The state of the backend's end, which the toolstack changes too.
    var backend: XenbusState
    /// False when the toolstack takes the device away.
    var isOnline: Bool
    /// Not looked at in a device that is not online.
    var frontEnd: XenbusState
    /// The directory of the front end.
    var frontPath: String

    /// Nil when the backend's directory is gone.
    init?(of device: DevicePath, on bus: any XenBus) throws(XenBusError) {
        guard let frontPath = try bus.read("\(device.path)/frontend") else { return nil }
        self.frontPath = frontPath
        backend = XenbusState(try bus.read("\(device.path)/state"))
        isOnline = try bus.read("\(device.path)/online") != "0"
        frontEnd = isOnline ? XenbusState(try bus.read("\(frontPath)/state")) : .unknown
    }
}

/// Where a device is in the xenstore: `backend/vtpm/DOMAIN/HANDLE`, below the home of the backend's domain.
struct DevicePath: Hashable, Sendable {
    static let directory = "backend/vtpm"

    let domain: UInt16
    let handle: UInt32

    var path: String { "\(Self.directory)/\(domain)/\(handle)" }

    init(domain: UInt16, handle: UInt32) {
        self.domain = domain
        self.handle = handle
    }

    /// The device to which an entry belongs; nil for a path that is above all devices, or of none.
    init?(containing entry: String) {
        let parts = entry.split(separator: "/", omittingEmptySubsequences: false)
        // A watch tells its path as it was given.
        guard parts.count >= 4, parts[0] == "backend", parts[1] == "vtpm",
            let domain = UInt16(decimal: parts[2]), let handle = UInt32(decimal: parts[3])
        else { return nil }
        self.init(domain: domain, handle: handle)
    }
}

extension FixedWidthInteger {
    /// The number that is written with digits alone, as the xenstore's tools write it; nil for anything else.
    init?(decimal text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.init(text, radix: 10)
    }
}
