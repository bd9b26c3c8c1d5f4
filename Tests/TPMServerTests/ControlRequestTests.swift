import Testing

@testable import TPMServer

@Suite struct ControlRequestTests {
    /// Each request as a client writes it.
    static let requests: [(ControlRequest, [UInt8])] = [
        (.getCapability, []),
        (.initialise(forgetsVolatile: false), [0, 0, 0, 0]),
        (.initialise(forgetsVolatile: true), [0, 0, 0, 1]),
        (.shutdown, []),
        (.getEstablished, []),
        (.setLocality(3), [3]),
        (.hashStart, []),
        (.hashData([7, 8, 9]), [0, 0, 0, 3, 7, 8, 9]),
        (.hashEnd, []),
        (.cancel, []),
        (.storeVolatile, []),
        (.resetEstablished(locality: 4), [4]),
        (.getState(wantsDecrypted: true, type: 2, offset: 258), [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2]),
        (.setState(isEncrypted: true, type: 1, [5]), [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5]),
        (.stop, []),
        (.getConfig, []),
        (.setDataDescriptor, []),
        (.setBufferSize(4096), [0, 0, 16, 0]),
        (.getInfo(flags: 1 << 32 | 2, offset: 5), [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0]),
        (.lockStorage(retries: 300), [0, 0, 1, 44]),
    ]
    private static let numbers: [UInt8] = [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]

    @Test(arguments: zip(numbers, requests.indices))
    func everyRequestIsRead(number: UInt8, index: Int) {
        let (request, operands) = Self.requests[index]
        let bytes = [0, 0, 0, number] + operands
        #expect(ControlRequest.parse(bytes) == .request(request))
        for count in bytes.indices {
            #expect(ControlRequest.parse(Array(bytes[..<count])) == .needsMore, "\(count) bytes")
        }
    }

    @Test func paddingBelongsToTheRequest() {
        #expect(ControlRequest.parse([0, 0, 0, 5, 2, 0, 0, 0]) == .request(.setLocality(2)))
    }

    @Test(arguments: [0, 20, 0x8000_0000, .max] as [UInt32])
    func aNumberThatNoRequestHasIsToldApart(number: UInt32) {
        #expect(ControlRequest.parse(number.bigEndianBytes) == .request(.unknown(number)))
    }

    @Test(arguments: [[0, 0, 0, 7], [0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 1]] as [[UInt8]])
    func moreDataThanAnyRequestHasIsNotAwaited(head: [UInt8]) {
        #expect(ControlRequest.parse(head + UInt32.max.bigEndianBytes) == .tooLong)
        #expect(ControlRequest.parse(head + UInt32(ControlRequest.maximumData + 1).bigEndianBytes) == .tooLong)
        #expect(ControlRequest.parse(head + UInt32(ControlRequest.maximumData).bigEndianBytes) == .needsMore)
    }
}
