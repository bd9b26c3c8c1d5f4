import Foundation
import TPMCrypto
import VTPMManager

/// Reads who a device's domain is, from what the toolstack wrote: no guest may write there.
struct DomainReader {
    private let place: DevicePath
    private let bus: any XenBus
    private let options: XenOptions

    init(_ place: DevicePath, _ bus: any XenBus, _ options: XenOptions) {
        self.place = place
        self.bus = bus
        self.options = options
    }

    /// - Throws: a ``DeviceRefusal``, or the ``XenBusError`` of an entry that cannot be read.
    func domain() throws -> XenDomain {
        guard try bus.read("\(place.path)/frontend-id").flatMap({ UInt16(decimal: $0) }) == place.domain else {
            throw DeviceRefusal("The entry \(place.path)/frontend-id does not say \(place.domain).")
        }
        let text = try bus.read("\(place.path)/uuid") ?? ""
        guard let guest = UUID(uuidString: text) else {
            throw DeviceRefusal("The entry \(place.path)/uuid is no UUID: give one in the domain's configuration.")
        }
        let home = "/local/domain/\(place.domain)"
        var domain = XenDomain(
            guest: guest, id: place.domain, name: try bus.read("\(home)/name") ?? "",
            history: try DomainHistory.read(home, on: bus))
        if options.measures {
            domain.measure = { [bus] () throws(ManagerError) in
                do { return try BootMeasurement.read(home, on: bus) } catch { throw ManagerError(.failed, "\(error)") }
            }
        }
        return domain
    }
}

/// Why a device gets no TPM.
struct DeviceRefusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// What the toolstack boots a domain with.
///
/// PCR 4 is extended with the SHA-1 of the kernel's file, and then of the ramdisk's if there is one; PCR 5 with that of the
/// command line, without a zero at its end. (TCG PC Client: code of the initial program loader is for PCR 4, what configures
/// it for PCR 5.)
enum BootMeasurement {
    static func read(_ home: String, on bus: any XenBus) throws -> [XenDomain.Measurement] {
        guard let machine = try bus.read("\(home)/vm"), let kernel = try bus.read("\(machine)/image/kernel") else {
            throw DeviceRefusal(
                "The toolstack does not say which kernel the domain has, so nothing can be measured: boot it with a kernel of "
                    + "its configuration, or set xen.measure to false.")
        }
        var measurements = [XenDomain.Measurement(pcr: 4, digest: try hash(kernel))]
        if let ramdisk = try bus.read("\(machine)/image/ramdisk") {
            measurements.append(.init(pcr: 4, digest: try hash(ramdisk)))
        }
        let line = try bus.read("\(machine)/image/cmdline") ?? ""
        measurements.append(.init(pcr: 5, digest: SHA1.hash(Array(line.utf8))))
        return measurements
    }

    private static func hash(_ path: String) throws -> Digest {
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            var hash = SHA1()
            while let bytes = try file.read(upToCount: 1 << 16), !bytes.isEmpty {
                bytes.withUnsafeBytes { hash.update($0) }
            }
            return hash.finalize()
        } catch {
            throw DeviceRefusal(
                "The file \(path), which the domain boots, cannot be read and measured: \(error.localizedDescription)")
        }
    }
}
