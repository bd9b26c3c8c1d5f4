import COpenSSL
import Glibc

/// An EVP_MD_CTX lent by the calling thread for one synchronous computation.
///
/// Each thread keeps one idle context; a nested loan makes a context of its own.
struct DigestContext {
    let pointer: OpaquePointer

    /// Takes the idle context of the thread, or makes one.
    @inline(__always)
    static func take() -> DigestContext {
        let slot = Library.shared.digestSlot
        if let idle = pthread_getspecific(slot) {
            pthread_setspecific(slot, nil)
            return DigestContext(pointer: OpaquePointer(idle))
        }
        return make()
    }

    /// A new context, started as SHA-1.
    private static func make() -> DigestContext {
        guard let pointer = EVP_MD_CTX_new() else { libraryFailure("EVP_MD_CTX_new") }
        guard EVP_DigestInit_ex2(pointer, Library.shared.sha1, nil) == 1 else { libraryFailure("EVP_DigestInit_ex2") }
        return DigestContext(pointer: pointer)
    }

    /// Gives the context back to the thread, or frees it if the thread holds one already.
    @inline(__always)
    func giveBack() {
        let slot = Library.shared.digestSlot
        if pthread_getspecific(slot) == nil, pthread_setspecific(slot, UnsafeRawPointer(pointer)) == 0 { return }
        EVP_MD_CTX_free(pointer)
    }

    /// Starts a new SHA-1.
    @inline(__always)
    func restart() {
        // A nil type keeps the algorithm, and so the allocation behind it.
        guard EVP_DigestInit_ex2(pointer, nil, nil) == 1 else { libraryFailure("EVP_DigestInit_ex2") }
    }

    @inline(__always)
    func update(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        guard EVP_DigestUpdate(pointer, bytes.baseAddress, bytes.count) == 1 else {
            libraryFailure("EVP_DigestUpdate")
        }
    }

    @inline(__always)
    func finish() -> Digest {
        var result = Digest()
        let status = result.withUnsafeMutableBytes { target in
            EVP_DigestFinal_ex(pointer, target.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        }
        guard status == 1 else { libraryFailure("EVP_DigestFinal_ex") }
        return result
    }
}
