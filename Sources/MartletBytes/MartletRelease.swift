/// What this library is. The texts are compiled into whoever uses them, so that a plug-in can say what it was built against.
public enum MartletRelease {
  /// Its version.
  @_alwaysEmitIntoClient public static var version: StaticString { "0.1.0" }

  /// The compiler that it was built with, as far as a program can tell: compilers read only modules that they have made.
  @_alwaysEmitIntoClient public static var compiler: StaticString {
    #if compiler(>=6.5)
      "Swift 6.5 or later"
    #elseif compiler(>=6.4)
      "Swift 6.4"
    #elseif compiler(>=6.3.2)
      "Swift 6.3.2 or later"
    #elseif compiler(>=6.3.1)
      "Swift 6.3.1"
    #elseif compiler(>=6.3)
      "Swift 6.3"
    #else
      "Swift 6.2"
    #endif
  }
}
