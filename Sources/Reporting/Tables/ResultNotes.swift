/// The notes of several results under one table.
public enum ResultNotes {
  /// One line a note with the name of its result; what all results say is said once.
  public static func lines(of results: [RunResult]) -> [String] {
    let shared = (results.first?.notes ?? []).filter { note in
      results.count > 1 && results.allSatisfy { $0.notes.contains(note) }
    }
    return shared
      + results.flatMap { result in
        result.notes.filter { !shared.contains($0) }
          .map { "\(result.backbone["name"] ?? "?"): \($0)" }
      }
  }
}
