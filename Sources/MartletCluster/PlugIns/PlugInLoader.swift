import Glibc
import MartletGraph

/// A plug-in that was not taken.
struct PlugInError: Error, CustomStringConvertible {
  let path: String
  /// What is wrong.
  let reason: String
  /// What to do about it: one phrase.
  let remedy: String

  init(_ path: String, _ reason: String, remedy: String = "name a plug-in, as Docs/Cluster.md describes them") {
    self.path = path
    self.reason = reason
    self.remedy = remedy
  }

  /// One line.
  var description: String { "\(path): \(reason) (\(remedy))" }
}

/// Takes shared libraries into this process, whose functions then are those of the process.
///
/// A library that does not fit would not fail: it would register its functions with a copy of Martlet of its own, where nobody looks
/// for them, or read memory as something that it is not. So all that can be known of it is looked at before it is asked for
/// anything, and first of all before any of its code runs. What is loaded stays.
enum PlugInLoader {
  /// Loads a plug-in, and lets it register its functions.
  ///
  /// - Throws: `PlugInError`; what it has registered until then stays.
  static func load(_ path: String) throws(PlugInError) {
    let file = try SharedLibraryFile(path)
    for symbol in [versionSymbol, interfaceSymbol, registerSymbol] where !file.exported.contains(symbol) {
      throw PlugInError(path, "it exports no \(symbol): it is no plug-in for this program")
    }
    if file.exported.contains(where: { $0.hasPrefix("$s12MartletGraph13TaskFunctionsO") && $0.hasSuffix("Mn") }) {
      throw PlugInError(
        path, "it holds a copy of Martlet of its own, whose registry nobody looks into",
        remedy: "link it without Martlet's objects")
    }
    // Whatever is written in Swift needs its runtime, unless it brings one along.
    guard file.needed.contains(where: { $0.hasPrefix("swift_") }) else {
      throw PlugInError(
        path, "it holds a copy of Swift's runtime of its own", remedy: "link it without -static-stdlib")
    }
    // The runtime of this process, which the plug-in has to share. It is loaded already, or else inside of this program.
    guard let runtime = dlopen("libswiftCore.so", RTLD_NOW | RTLD_NOLOAD) else {
      throw PlugInError(
        path, "this program holds Swift's runtime itself, and a plug-in would bring a second one",
        remedy: "build this program without --static-swift-stdlib")
    }
    dlclose(runtime)
    // Without a slash it would be looked for elsewhere.
    guard let library = dlopen(path.contains("/") ? path : "./\(path)", RTLD_NOW | RTLD_LOCAL) else {
      let reason = dlerror().map { String(cString: $0) } ?? "it cannot be loaded"
      let line = OutputText.oneLine(reason)
      let isMissing = line.contains("undefined symbol")
      throw PlugInError(
        path, isMissing ? "it needs what this program does not have: \(line)" : line,
        remedy: isMissing
          ? "build it against the modules of this build" : "name a plug-in, as Docs/Cluster.md describes them")
    }
    guard let version = symbol(versionSymbol, in: library), let interface = symbol(interfaceSymbol, in: library),
      let register = symbol(registerSymbol, in: library)
    else { throw PlugInError(path, "its symbols cannot be found") }
    let found = unsafeBitCast(interface, to: Interface.self)()
    guard found == PlugIn.interface else {
      let text = unsafeBitCast(version, to: Version.self)().map { OutputText.oneLine(String(cString: $0)) } ?? "?"
      throw PlugInError(
        path,
        "it was built against version \(text) of Martlet with the interface \(String(found, radix: 16)), this program is "
          + "version \(MartletVersion.current) with \(String(PlugIn.interface, radix: 16))",
        remedy: "build it against the modules of this build, with the same compiler")
    }
    if let message = unsafeBitCast(register, to: Register.self)(PlugIn.core) {
      defer { free(message) }
      throw PlugInError(
        path, OutputText.oneLine(String(cString: message)), remedy: "correct the plug-in, or load it alone")
    }
  }

  private typealias Version = @convention(c) () -> UnsafePointer<CChar>?
  private typealias Interface = @convention(c) () -> UInt64
  private typealias Register = @convention(c) (UnsafeRawPointer) -> UnsafeMutablePointer<CChar>?

  private static let versionSymbol = "martlet_plugin_version"
  private static let interfaceSymbol = "martlet_plugin_interface"
  private static let registerSymbol = "martlet_plugin_register"

  private static func symbol(_ name: String, in library: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    dlsym(library, name)
  }
}
