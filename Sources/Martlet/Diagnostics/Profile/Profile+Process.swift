import MartletSystem

extension Profile.Usage {
  /// What this process has used so far.
  package static func now() -> Profile.Usage {
    let usage = martlet_process_usage()
    var result = Profile.Usage()
    result.userMicroseconds = Int(usage.user_microseconds)
    result.systemMicroseconds = Int(usage.system_microseconds)
    result.peakBytes = Int(usage.peak_resident_bytes)
    return result
  }
}
