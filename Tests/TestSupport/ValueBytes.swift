import MartletBytes
package import MartletGraph

extension PortableValueType {
  /// The value in `slot` as bytes of its own.
  ///
  /// - Throws: `ByteError` when it cannot be written.
  package func bytes(of slot: Slot) throws -> [UInt8] {
    var writer = ByteWriter()
    try write(slot, by: &writer)
    return writer.takeBytes()
  }
}
