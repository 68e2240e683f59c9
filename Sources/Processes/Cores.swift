import CMPI
import Foundation

/// The processor's cores that one of several processes on a machine may use.
public struct Cores: Equatable, Sendable {
  /// How many this process may run on, and how many the machine has.
  public let own, machine: Int
  /// How many processes of this machine share this process's cores.
  public let sharers: Int
  /// How many of the machine's cores some process may run on.
  public let covered: Int

  /// Threads that this process can have without taking from others.
  public var threadCount: Int { max(1, own / sharers) }

  /// Whether launchers bound the processes so tightly that most of the machine stands idle.
  public var areMostlyIdle: Bool { covered * 2 <= machine }

  /// Asks all processes which cores they may use.
  public init(_ processes: any Communicator) throws {
    let mask = Self.affinity()
    let machine = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let host = Array(ProcessInfo.processInfo.hostName.utf8)
    let all = try processes.gatherBytes(mask + host)
    self.init(mask: mask, host: host, all: all, machine: machine)
  }

  init(mask: [UInt8], host: [UInt8], all: [[UInt8]], machine: Int) {
    let local = all.filter { $0.dropFirst(mask.count).elementsEqual(host) }
      .map { Array($0.prefix(mask.count)) }
    own = max(1, Self.count(mask))
    self.machine = max(machine, own)
    sharers = max(1, local.count { $0 == mask })
    covered = Self.count(
      mask.indices.map { place in local.reduce(0) { $0 | $1[place] } })
  }

  private static func count(_ mask: [UInt8]) -> Int { mask.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The cores that this process may run on, a bit each.
  private static func affinity() -> [UInt8] {
    var mask = [UInt8](repeating: 0, count: 128)
    if cmpi_cores(&mask, mask.count) == 0 { return mask }
    let count = ProcessInfo.processInfo.activeProcessorCount
    return (0..<(count + 7) / 8).map { byte in
      UInt8(truncatingIfNeeded: (1 << min(8, count - 8 * byte)) - 1)
    }
  }
}
