import TPMCrypto
import Testing

@testable import TPMWire

@Suite struct AuthTrailerTests {
    @Test func aRequestTrailerIs45BytesAndAResponseTrailer41() throws {
        var request = AuthRequest()
        request.authHandle = 0x0102_0304
        request.continueAuthSession = true
        request.nonceOdd = Digest(repeating: 5)
        let bytes = try request.encoded()
        #expect(bytes.count == AuthRequest.byteCount)
        #expect(Array(bytes.prefix(5)) == [1, 2, 3, 4, 5])
        #expect(bytes[24] == 1)
        #expect(try WireDecoder.decode(AuthRequest.self, from: bytes) == request)
        let response = AuthResponse(
            nonceEven: Digest(repeating: 1), continueAuthSession: false, resAuth: Digest(repeating: 2))
        #expect(try response.encoded().count == AuthResponse.byteCount)
        #expect(try WireDecoder.decode(AuthResponse.self, from: try response.encoded()) == response)
    }

    @Test func aContinueFlagThatIsNeitherIsBadParameter() throws {
        var bytes = try AuthRequest().encoded()
        bytes[24] = 2
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(AuthRequest.self, from: bytes) }
    }
}
