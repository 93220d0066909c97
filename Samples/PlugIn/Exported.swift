import Martlet

// What a stock worker asks a plug-in.

/// What this library was compiled against.
@_cdecl("martlet_plugin_version")
public func version() -> UnsafePointer<CChar> { PlugIn.version }

/// A number for the interface that it was compiled against.
@_cdecl("martlet_plugin_interface")
public func interface() -> UInt64 { PlugIn.interface }

/// Makes its functions known, and tells what is wrong.
@_cdecl("martlet_plugin_register")
public func register(_ core: UnsafeRawPointer) -> UnsafeMutablePointer<CChar>? {
  PlugIn.register(core) { try TaskFunctions.register(Collatz.self, Longest.self) }
}
