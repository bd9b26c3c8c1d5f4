import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

@Suite struct MessageFramerTests {
    private func framed(_ pieces: [ArraySlice<UInt8>]) -> [MessageFramer.Message] {
        var framer = MessageFramer()
        var messages: [MessageFramer.Message] = []
        for piece in pieces {
            Array(piece).withUnsafeBytes { framer.append($0) }
            while let message = framer.next() {
                messages.append(message)
                guard case .command = message else { return messages }
            }
        }
        return messages
    }

    @Test func commandsAreFoundHoweverTheBytesArrive() {
        let stream = pcrRead + startupClear + selfTestFull
        let expected: [MessageFramer.Message] = [.command(pcrRead), .command(startupClear), .command(selfTestFull)]
        for first in 0...stream.count {
            for second in first...stream.count {
                #expect(framed([stream[..<first], stream[first..<second], stream[second...]]) == expected)
            }
        }
        #expect(framed(stream.indices.map { stream[$0...$0] }) == expected)
    }

    @Test func aCommandThatIsCutShortIsNoCommandYet() {
        for count in 0..<pcrRead.count {
            var framer = MessageFramer()
            Array(pcrRead[..<count]).withUnsafeBytes { framer.append($0) }
            #expect(framer.next() == nil)
            #expect(framer.isInMessage == (count > 0))
        }
    }

    @Test(arguments: [0, 1, 9, 4097, 0x7fff_ffff, 0x8000_0000, UInt32.max])
    func aSizeThatNoCommandHasEndsTheStream(size: UInt32) {
        let header = [0, 0xc1] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) }
        #expect(framed([pcrRead[...], header[...], pcrRead[...]]) == [.command(pcrRead), .unusable(paramSize: size)])
    }

    @Test func theLargestAndTheSmallestCommandAreTaken() {
        let smallest: [UInt8] = [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x50]
        let largest = [0, 0xc1, 0, 0, 0x10, 0] + [UInt8](repeating: 7, count: TPM.maximumCommandSize - 6)
        #expect(framed([largest[..<4000], largest[4000...] + smallest]) == [.command(largest), .command(smallest)])
    }
}
