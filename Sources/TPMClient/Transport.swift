/// Carries the bytes of a command to a TPM and those of its answer back.
public protocol Transport: AnyObject {
    /// - Throws: a ``ClientError`` when the TPM cannot be reached or does not answer as one.
    func transmit(_ command: [UInt8]) throws -> [UInt8]
}

/// A TPM in the same process, behind a function.
public final class InProcessTransport: Transport {
    private let execute: ([UInt8]) -> [UInt8]

    public init(_ execute: @escaping ([UInt8]) -> [UInt8]) { self.execute = execute }

    public func transmit(_ command: [UInt8]) -> [UInt8] { execute(command) }
}
