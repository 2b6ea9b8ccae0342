internal import COpenSSL
import Foundation

/// SHA-256 (FIPS 180-4) of bytes that come in parts, through OpenSSL.
public final class SHA256 {
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("OpenSSL has no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    public func update(_ data: Data) { data.withUnsafeBytes { update($0) } }

    /// The 32 bytes; nothing can be added afterwards.
    public func finish() -> Data {
        var digest = Data(count: 32)
        digest.withUnsafeMutableBytes { buffer in
            _ = EVP_DigestFinal_ex(context, buffer.bindMemory(to: UInt8.self).baseAddress, nil)
        }
        return digest
    }
}

extension SHA256 {
    /// The size of a file in bytes, and its hash in hexadecimal.
    ///
    /// - Parameter isStopped: asked now and then, since a file may take minutes; `Failure.stopped` is thrown where it says so.
    package static func ofFile(_ path: String, isStopped: () -> Bool = { false }) throws -> (bytes: Int, digest: String)
    {
        let file = try InputFile(path, called: shownPath(path))
        let hash = SHA256()
        var bytes = 0
        while true {
            guard !isStopped() else { throw Failure(.stopped, "stopped while reading \(shownPath(path))") }
            let part = try file.bytes(at: bytes, count: 1 << 20)
            guard !part.isEmpty else { return (bytes, hash.finish().hexadecimal) }
            part.withUnsafeBytes(hash.update)
            bytes += part.count
        }
    }
}

extension Data {
    /// Two lower-case digits a byte.
    public var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
