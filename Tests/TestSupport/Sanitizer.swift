import Glibc

/// Whether this build has an address or thread sanitizer, whose shadow takes terabytes of addresses, and which has a heap of its own.
package let isSanitized: Bool = {
  guard let file = fopen("/proc/self/statm", "r") else { return false }
  defer { fclose(file) }
  var text = [CChar](repeating: 0, count: 64)
  guard fgets(&text, Int32(text.count), file) != nil else { return false }
  // The first number: all pages that have an address.
  return strtoul(text, nil, 10) > 1 << 28
}()
