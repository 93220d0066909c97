import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// `--output`: the file appears when all went well, and only then.
@Suite struct OutputFileTests {
  private let rows = ["generate", "--rows", "50"]
  private var expected: String { Command(rows, in: Sandbox()).outcome().output }

  @Test func `a new file holds what standard output would have got, and nothing stands beside it`() {
    let sandbox = Sandbox()
    let outcome = Command(rows + ["--output", "t.csv"], in: sandbox, shell: "umask 027").outcome()
    #expect(outcome.status == 0)
    #expect(outcome.output.isEmpty && outcome.errors.isEmpty)
    #expect(sandbox.files == ["t.csv"])
    #expect(sandbox.text("t.csv") == expected)
    #expect(mode(sandbox.path + "/t.csv") == 0o640)
  }

  @Test func `a dash is standard output`() {
    #expect(Command(rows + ["-o", "-"], in: Sandbox()).outcome().output == expected)
  }

  @Test func `an old file is replaced and keeps its permissions`() {
    let sandbox = Sandbox()
    let file = sandbox.write("t.csv", "old\n")
    chmod(file, 0o604)
    #expect(Command(rows + ["-o", "t.csv"], in: sandbox).outcome().status == 0)
    #expect(sandbox.files == ["t.csv"])
    #expect(sandbox.text("t.csv") == expected)
    #expect(mode(file) == 0o604)
  }

  @Test func `the file behind a symbolic link is replaced, not the link`() {
    let sandbox = Sandbox()
    sandbox.write("real.csv", "old\n")
    symlink("real.csv", sandbox.path + "/link.csv")
    #expect(Command(rows + ["-o", "link.csv"], in: sandbox).outcome().status == 0)
    #expect(sandbox.files == ["link.csv", "real.csv"])
    #expect(sandbox.text("real.csv") == expected)
    var status = stat()
    #expect(lstat(sandbox.path + "/link.csv", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }

  @Test func `a link to nothing gets its file`() {
    let sandbox = Sandbox()
    symlink("real.csv", sandbox.path + "/link.csv")
    #expect(Command(rows + ["-o", "link.csv"], in: sandbox).outcome().status == 0)
    #expect(sandbox.text("real.csv") == expected)
  }

  @Test func `a device is written, not replaced`() {
    let outcome = Command(rows + ["-o", "/dev/null"], in: Sandbox()).outcome()
    #expect(outcome.status == 0)
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test(arguments: [
    (".", "is a directory (name a file in it)"),
    ("missing/t.csv", "No such file or directory (create the directory first)"),
    ("missing/", "names a directory that does not exist"),
    ("", "the output has an empty name"),
    ("/dev/full", "No space left on device (make room"),
  ])
  func `an output that cannot be is told in one line`(name: String, complaint: String) {
    let sandbox = Sandbox()
    let outcome = Command(rows + ["--output", name], in: sandbox).outcome()
    #expect(outcome.status == 1)
    #expect(outcome.complaints.count == 1)
    #expect(outcome.errors.contains(complaint), "\(outcome.errors)")
    #expect(sandbox.files.isEmpty)
  }

  @Test func `a full standard output is told`() {
    let outcome = Command(rows, in: Sandbox(), output: .file("/dev/full")).outcome()
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.hasPrefix("martlet-csv: standard output: cannot be written: No space left on device ("),
      "\(outcome.errors)")
  }

  @Test func `a file that grows too large leaves the old one whole and nothing beside it`() {
    let sandbox = Sandbox()
    sandbox.write("t.csv", "old\n")
    let outcome = Command(
      ["generate", "--rows", "100000", "-o", "t.csv"], in: sandbox, shell: "ulimit -f 64"
    ).outcome()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("t.csv: cannot be written: File too large (raise the limit of ulimit -f)"))
    #expect(sandbox.files == ["t.csv"])
    #expect(sandbox.text("t.csv") == "old\n")
  }

  private func mode(_ file: String) -> mode_t {
    var status = stat()
    return stat(file, &status) == 0 ? status.st_mode & 0o7777 : 0
  }
}
