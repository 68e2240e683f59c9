import Foundation

/// Who started this process beside others, as the variables of launchers say.
struct Launcher: Equatable {
  /// The family of libraries that understands the launcher.
  enum Family { case openMPI, mpich, unknown }

  /// What to call it in a sentence.
  let name: String
  let family: Family
  /// How many processes it started, where it says so.
  let size: Int?
  /// Which of them this is.
  let rank: Int

  /// Where Hydra listens to this process.
  let control: Int32?

  /// The launcher of this process, if there is one.
  static let current = Launcher(ProcessInfo.processInfo.environment)

  /// The launcher by an environment.
  ///
  /// The launcher nearest to the process is asked first: within a job of Slurm, `mpirun` decides.
  /// Variables of a Slurm allocation alone say nothing, since a batch script has them, too; those of
  /// a step are set by `srun`.
  init?(_ environment: [String: String]) {
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }
    if let size = number("OMPI_COMM_WORLD_SIZE") {
      let rank = number("OMPI_COMM_WORLD_RANK") ?? 0
      self.init(name: "mpirun of Open MPI", family: .openMPI, size: size, rank: rank)
    } else if let size = number("MV2_COMM_WORLD_SIZE") {
      let rank = number("MV2_COMM_WORLD_RANK") ?? 0
      self.init(name: "mpirun of MVAPICH", family: .mpich, size: size, rank: rank)
    } else if let local = number("MPI_LOCALNRANKS") {
      // Hydra, the launcher of MPICH and Intel MPI; newer ones tell the size when asked only.
      self.init(
        name: "mpirun of MPICH", family: .mpich,
        size: number("PMI_SIZE")
          ?? (local > 1 ? nil : environment["PMI_PORT"] == nil ? local : nil),
        rank: number("PMI_RANK") ?? number("PMI_ID") ?? number("MPI_LOCALRANKID") ?? 0,
        control: number("PMI_FD").flatMap { Int32(exactly: $0) })
    } else if let size = number("SLURM_STEP_NUM_TASKS") {
      self.init(
        name: "srun",
        family: environment["PMIX_RANK"] != nil
          ? .openMPI : environment["PMI_SIZE"] != nil ? .mpich : .unknown,
        size: size, rank: number("SLURM_PROCID") ?? 0)
    } else if let size = number("PMI_SIZE") {
      self.init(
        name: "the launcher", family: .mpich, size: size, rank: number("PMI_RANK") ?? 0)
    } else if let size = number("FLUX_JOB_SIZE") {
      self.init(
        name: "flux run", family: .unknown, size: size, rank: number("FLUX_TASK_RANK") ?? 0)
    } else if let rank = number("PMIX_RANK") {
      self.init(name: "the launcher", family: .openMPI, size: nil, rank: rank)
    } else {
      return nil
    }
  }

  private init(name: String, family: Family, size: Int?, rank: Int, control: Int32? = nil) {
    self.name = name
    self.family = family
    self.size = size
    self.rank = rank
    self.control = control
  }

  /// Whether its variables say how a library learns of the other processes: `srun` leaves it to
  /// `--mpi`.
  var tellsOthers: Bool { name != "srun" || family != .unknown }

  /// Whether it started others, too.
  var startedSeveral: Bool { size != 1 }

  /// Has the launcher end the processes, of which this one has not joined the others.
  ///
  /// Other launchers do so when a process ends with an error. Hydra would wait for it for ever; it
  /// takes this order of its protocol at any time.
  func endAll(exitCode: Int32) {
    guard let control, startedSeveral else { return }
    let order = Array("cmd=abort exitcode=\(exitCode)\n".utf8)
    guard write(control, order, order.count) == order.count else { return }
    // It ends this process, too, and takes the status from the order.
    Thread.sleep(forTimeInterval: 2)
  }

  /// Tells Hydra that this process ends by itself, in the place of the library.
  ///
  /// - Returns: Whether Hydra knows; else the library must say so.
  func leave() -> Bool {
    guard let control else { return false }
    let order = Array("cmd=finalize\n".utf8)
    guard write(control, order, order.count) == order.count else { return false }
    var answer = [UInt8](repeating: 0, count: 256)
    return read(control, &answer, answer.count) > 0
  }
}
