/// The first handle at or after `start` that is not 0 and not taken (Part 2, 4.4). Tables are small, so it is near.
///
/// - Parameter start: a random number, or the handle that a context had.
func freeHandle(from start: UInt32, isTaken: (UInt32) -> Bool) -> UInt32 {
    var handle = start
    while handle == 0 || isTaken(handle) { handle &+= 1 }
    return handle
}
