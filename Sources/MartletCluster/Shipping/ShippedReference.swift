package import MartletBytes
package import MartletGraph

/// A call that stands for a result which the cluster has already: it is named in what is sent, and not sent itself.
package protocol ShippedReference: TaskFunction {
  /// The key of the result.
  var digest: Digest128 { get }
  /// Keeps the result there.
  var holder: AnyObject { get }
  /// Its type.
  var resultType: any PortableValue.Type { get }
}
