import Glibc
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

/// Libraries that are no plug-ins, or not for this program.
@Suite struct PlugInLoaderTests {
  /// A directory for libraries, with a compiler of C.
  private final class Bench {
    let path: String

    init() {
      path = "/tmp/martlet-plug-in-\(getpid())-\(UInt64.random(in: 0 ... .max))"
      precondition(mkdir(path, 0o700) == 0, "cannot make \(path)")
    }

    deinit { _ = system("rm -rf \(path)") }

    func file(_ name: String, _ bytes: [UInt8]) -> String {
      let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      close(descriptor)
      return "\(path)/\(name)"
    }

    /// A shared library of this source.
    func compile(_ name: String, _ source: String) throws -> String {
      let code = file("\(name).c", Array(source.utf8))
      try #require(system("clang -shared -fPIC -o \(path)/\(name).so \(code)") == 0)
      return "\(path)/\(name).so"
    }
  }

  private func refusal(_ path: String) -> String {
    do throws(PlugInError) {
      try PlugInLoader.load(path)
      return "taken"
    } catch {
      #expect(!error.description.contains("\n"))
      return error.reason
    }
  }

  private func source(
    interface: UInt64, register: String = "return 0;", more: String = "", isSwift: Bool = true
  ) -> String {
    """
    \(more)
    \(isSwift ? "extern void *swift_retain(void *); void *keep(void *object) { return swift_retain(object); }" : "")
    const char *martlet_plugin_version(void) { return "9.9"; }
    unsigned long long martlet_plugin_interface(void) { return \(interface)ull; }
    char *martlet_plugin_register(const void *core) { \(register) }
    """
  }

  @Test func `what is no library is not loaded`() throws {
    let bench = Bench()
    #expect(refusal("\(bench.path)/none.so") == "it cannot be opened: No such file or directory")
    #expect(refusal(bench.path) == "it is no file")
    let noLibrary = "it is no shared library for this kind of machine"
    #expect(refusal(bench.file("empty", [])) == noLibrary)
    #expect(refusal(bench.file("text", Array("not a library at all".utf8))) == noLibrary)
    let good = try bench.compile("good", source(interface: PlugIn.interface))
    let bytes = try #require(Self.bytes(good))
    var other = bytes
    // The machine.
    other[18] = 40
    #expect(refusal(bench.file("other", other)) == noLibrary)
    // A table that would lie behind all memory.
    var far = bytes
    for place in 40..<47 { far[place] = 0xff }
    far[47] = 0x7f
    #expect(refusal(bench.file("far", far)) == noLibrary)
    #expect(refusal(good) == "taken")
    // Whatever is wrong with the tables, nothing is read outside of the file.
    for seed in 0..<300 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var damaged = Array(bytes.prefix(random.chance(50) ? bytes.count : random.below(bytes.count)))
      for _ in 0..<random.below(20) where !damaged.isEmpty {
        let place = random.chance(50) ? random.below(min(64, damaged.count)) : random.below(damaged.count)
        damaged[place] = UInt8(random.below(256))
      }
      _ = SharedLibraryFile.names(of: damaged)
    }
  }

  @Test func `a library that is no plug-in is refused before its code runs`() throws {
    let bench = Bench()
    let bomb = "#include <stdlib.h>\n__attribute__((constructor)) static void boom(void) { abort(); }\n"
    #expect(
      refusal(try bench.compile("bomb", bomb + "int f(void) { return 1; }")).hasPrefix(
        "it exports no martlet_plugin_version"))
    let copy = "int core __asm__(\"$s12MartletGraph13TaskFunctionsOMn\") = 1;\n"
    #expect(
      refusal(try bench.compile("copy", bomb + source(interface: PlugIn.interface, more: copy))).hasPrefix(
        "it holds a copy of Martlet"))
    #expect(
      refusal(try bench.compile("runtime", bomb + source(interface: PlugIn.interface, isSwift: false))).hasPrefix(
        "it holds a copy of Swift's runtime"))
  }

  @Test func `a plug-in of another version, without what it needs, or with an error of its own is refused`() throws {
    let bench = Bench()
    let other = refusal(try bench.compile("other", source(interface: PlugIn.interface ^ 1)))
    #expect(other.hasPrefix("it was built against version 9.9 of Martlet"))
    #expect(other.contains("this program is version \(MartletVersion.current)"))
    let needy = "extern int martlet_of_the_future(void);\n"
    let missing = refusal(
      try bench.compile(
        "needy", source(interface: PlugIn.interface, register: "martlet_of_the_future(); return 0;", more: needy)))
    #expect(missing.hasPrefix("it needs what this program does not have"))
    #expect(missing.contains("martlet_of_the_future"))
    let refusing = "#include <string.h>\n"
    #expect(
      refusal(
        try bench.compile(
          "refusing",
          source(interface: PlugIn.interface, register: "return strdup(\"not\\nto day\");", more: refusing))
      )
      .hasPrefix("not"))
    // A copy of Martlet that does not show would say so itself.
    let elsewhere = PlugIn.register(UnsafeRawPointer(bitPattern: 64)!) {}
    #expect(elsewhere.map { String(cString: $0) }?.contains("a copy of Martlet of its own") == true)
    free(elsewhere)
    #expect(PlugIn.register(PlugIn.core) {} == nil)
    struct Unwilling: Error {}
    let thrown = PlugIn.register(PlugIn.core) { throw Unwilling() }
    #expect(thrown.map { String(cString: $0) } == "Unwilling()")
    free(thrown)
  }

  @Test func `a worker says what is wrong with a plug-in, and ends with the status of a wrong command line`() throws {
    let words = ["tcp://127.0.0.1:1", "--no-supervisor", "--load", "/no/such/library.so"]
    #expect(try WorkerProgram.request(words + ["--load=b.so"]).plugIns == ["/no/such/library.so", "b.so"])
    #expect(WorkerProgram.run(words) == WorkerProgram.misused)
  }

  private static func bytes(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
  }
}
