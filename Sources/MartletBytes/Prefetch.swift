import MartletSystem

/// Asks for the cache line at `address`, which need not be one that may be read: for tables that are larger than the caches,
/// where what is looked at soon is known now.
@inline(__always)
package func prefetch(_ address: UnsafeRawPointer) { martlet_prefetch(address) }
