import Foundation

/// Memory that this process may still take.
public enum SystemMemory {
  /// The smaller of what the machine and what the control group has left, in bytes.
  public static var availableBytes: Int {
    var available = Int.max
    if let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
      let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    {
      available = kilobytes << 10
    }
    func number(_ name: String) -> Int? {
      (try? String(contentsOfFile: "/sys/fs/cgroup/" + name, encoding: .utf8))
        .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    if let limit = number("memory.max"), let used = number("memory.current") {
      // Cached files count as used but give way.
      available = min(available, max(0, limit - used + cachedBytes))
    }
    return available
  }

  private static var cachedBytes: Int {
    guard let text = try? String(contentsOfFile: "/sys/fs/cgroup/memory.stat", encoding: .utf8)
    else { return 0 }
    return text.split(separator: "\n").reduce(0) { sum, line in
      let parts = line.split(separator: " ")
      guard parts.count == 2, ["inactive_file", "active_file"].contains(parts[0]) else {
        return sum
      }
      return sum + (Int(parts[1]) ?? 0)
    }
  }
}
