import CMPI
import Foundation
import TestSupport
import Testing

/// The numbers of MPI's binary interfaces against the headers that define them.
@Suite("Binary interfaces of MPI")
struct InterfaceTests {
  /// Compiles a program against a header and gives the numbers that it prints.
  private func numbers(_ compiler: String, _ expressions: [String]) throws -> [Int] {
    let folder = try TemporaryDirectory()
    let lines = expressions.map { "  printf(\"%ld\\n\", (long)(\($0)));" }
    let source = """
      #include <mpi.h>
      #include <stdio.h>
      int main(void) {
      \(lines.joined(separator: "\n"))
        return 0;
      }
      """
    try Data(source.utf8).write(to: URL(fileURLWithPath: folder.file("numbers.c")))
    let made = try ChildProgram.run(
      path: "/usr/bin/" + compiler, ["-w", "numbers.c", "-o", "numbers"], in: folder.path)
    try #require(made.status == 0, "\(made.errors)")
    let outcome = try ChildProgram.run(path: folder.file("numbers"), [], in: folder.path)
    return outcome.output.split(separator: "\n").compactMap { Int($0) }
  }

  private static func has(_ compiler: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/" + compiler)
  }

  private let names = [
    "MPI_COMM_WORLD", "MPI_BYTE", "MPI_ERRORS_RETURN", "MPI_INFO_NULL", "MPI_STATUS_IGNORE",
    "MPI_THREAD_SERIALIZED", "MPI_COMM_TYPE_SHARED",
  ]

  private func ours(_ interface: Int) -> [Int] {
    let ours = cmpi_constants_of(Int32(interface))
    return [
      ours.world, ours.byte, ours.errors_return, ours.info_null, ours.status_ignore,
      Int(ours.serialized), Int(ours.shared),
    ]
  }

  @Test("MPICH's", .enabled(if: Self.has("mpicc.mpich"), "needs mpicc.mpich"))
  func mpich() throws {
    #expect(try numbers("mpicc.mpich", names) == ours(CMPI_MPICH))
  }

  @Test("Open MPI's", .enabled(if: Self.has("mpicc.openmpi"), "needs mpicc.openmpi"))
  func openMPI() throws {
    let plain = Array(names.suffix(3))
    #expect(try numbers("mpicc.openmpi", plain) == ours(CMPI_OPEN_MPI).suffix(3))
    // Its handles are the addresses of these variables.
    let pairs = zip(
      names, ["comm_world", "byte", "errors_return", "info_null"].map { "ompi_mpi_" + $0 })
    let equalities = pairs.map { "(void *)\($0) == (void *)&\($1)" }
    #expect(try numbers("mpicc.openmpi", equalities) == [1, 1, 1, 1])
    #expect(ours(CMPI_OPEN_MPI).prefix(4) == [0, 0, 0, 0])
  }

  @Test("The standard one")
  func standard() throws {
    let file = URL(fileURLWithPath: SourceTree.fixture("Processes/mpi_abi.json"))
    let values = try JSONDecoder().decode([String: Int].self, from: Data(contentsOf: file))
    #expect(names.map { values[$0] } == ours(CMPI_STANDARD))
  }
}
