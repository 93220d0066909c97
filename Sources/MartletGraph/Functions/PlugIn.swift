import Glibc
public import MartletBytes

/// What a plug-in for workers exports: functions that a stock `martlet-worker --load LIBRARY` takes into its registry.
///
/// ```swift
/// @_cdecl("martlet_plugin_version")
/// public func version() -> UnsafePointer<CChar> { PlugIn.version }
/// @_cdecl("martlet_plugin_interface")
/// public func interface() -> UInt64 { PlugIn.interface }
/// @_cdecl("martlet_plugin_register")
/// public func register(_ core: UnsafeRawPointer) -> UnsafeMutablePointer<CChar>? {
///   PlugIn.register(core) { try TaskFunctions.register(Step.self) }
/// }
/// ```
///
/// It is a shared library that is compiled against the modules of the worker's build, and linked without them: it uses those of
/// the process that loads it. See `Docs/Cluster.md`.
public enum PlugIn {
  /// What the library that uses this was compiled against, for people: a text that ends with a zero byte.
  @_alwaysEmitIntoClient public static var version: UnsafePointer<CChar> {
    let text = MartletRelease.version
    return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  /// Stands for the interface that the library which uses this was compiled against: the version, the compiler, and how what is
  /// handed to functions lies in memory. Worked out there, not here.
  @_alwaysEmitIntoClient public static var interface: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for text in [MartletRelease.version, MartletRelease.compiler] {
      for place in 0..<text.utf8CodeUnitCount { hash = (hash ^ UInt64(text.utf8Start[place])) &* 0x100_0000_01b3 }
    }
    // Raised when the meaning of something changes whose form does not.
    var numbers = [1]
    numbers += [MemoryLayout<TaskInputs>.size, MemoryLayout<TaskContext>.size, MemoryLayout<BlockInputs>.size]
    numbers += [MemoryLayout<ByteWriter>.size, MemoryLayout<ByteReader>.size, MemoryLayout<ByteError>.size]
    numbers += [MemoryLayout<StableHasher>.size, MemoryLayout<Digest128>.size, MemoryLayout<TaskRegistryError>.size]
    for number in numbers { hash = (hash ^ UInt64(truncatingIfNeeded: number)) &* 0x100_0000_01b3 }
    return hash
  }

  /// Where the functions of this process are kept: the same address for all who share them.
  public static var core: UnsafeRawPointer { TaskFunctions.place }

  /// Adds the functions of a plug-in.
  ///
  /// - Parameter core: What the process that loads the plug-in calls `core`.
  /// - Returns: What is wrong, as a text that the caller frees; nil: nothing.
  public static func register(_ core: UnsafeRawPointer, _ body: () throws -> Void) -> UnsafeMutablePointer<CChar>? {
    // This runs in the copy of Martlet that the plug-in uses.
    guard core == self.core else {
      return strdup("it uses a copy of Martlet of its own, and what it registers there nobody finds")
    }
    do {
      try body()
      return nil
    } catch {
      return strdup("\(error)")
    }
  }
}
