import Martlet

#if canImport(Glibc)
  import Glibc
#endif

/// The words of `--progress`.
enum ProgressChoice: String, CaseIterable {
  case auto, always, never

  /// The bar that was asked for, already running, or none.
  func start(_ progress: RunProgress) -> ProgressBar? {
    if self == .never || self == .auto && isatty(2) == 0 { return nil }
    let bar = ProgressBar(descriptor: 2, delayMilliseconds: self == .auto ? 500 : 100) { seconds, width in
      progress.line(elapsedSeconds: seconds).text(width: width)
    }
    bar.start()
    return bar
  }
}
