import CGMP
import COpenSSL
import Glibc

private let installed: Void = __gmp_set_memory_functions(
    { size in
        guard let memory = malloc(max(size, 1)) else { fatalError("GMP: out of memory") }
        return memory
    },
    { old, oldSize, newSize in
        guard let memory = malloc(max(newSize, 1)) else { fatalError("GMP: out of memory") }
        if let old {
            memcpy(memory, old, min(oldSize, newSize))
            OPENSSL_cleanse(old, oldSize)
            free(old)
        }
        return memory
    },
    { memory, size in
        guard let memory else { return }
        OPENSSL_cleanse(memory, size)
        free(memory)
    })

/// Makes GMP wipe whatever it frees or moves. Takes effect once; `BigInteger` calls it before any use of GMP.
public func installWipingAllocators() {
    _ = installed
}
