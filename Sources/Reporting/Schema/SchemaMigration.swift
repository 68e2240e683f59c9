import FileSupport

/// Brings stored runs of an older form into the present one while they are read; files on disk stay
/// as they are.
///
/// The number is `schema` in `result.json`.
///
/// From 1 to 2:
/// - rows of `events.jsonl` of `coco` and `ade20k` said `update` where all now say `step`;
/// - classes in `result.json` of `linear` said `top1` where all now say `value`.
///
/// Without a number: results of `ade20k` tested with `ms-flip` called their numbers `mIoU`, `mAcc`
/// and `aAcc`, as those of one scale; now `_ms` follows.
enum SchemaMigration {
  /// The form that is written.
  static let current = 2

  /// A result in the present form; its digest was checked before.
  static func result(_ json: JSONValue, schema: Int) -> JSONValue {
    guard case .object(var members) = json else { return json }
    if json["settings"]?["test"]?.stringValue?.hasPrefix("ms-flip") == true {
      for name in ["mIoU", "mAcc", "aAcc"] {
        members["metrics"] = members["metrics"].map { renamed($0, name, name + "_ms") }
      }
    }
    guard schema < 2 else { return .object(members) }
    members["classes"] = members["classes"]?.arrayValue.map { entries in
      .array(entries.map { renamed($0, "top1", "value") })
    }
    return .object(members)
  }

  /// A row of `events.jsonl` in the present form.
  ///
  /// Rows do not carry the schema, and no row of schema 2 has a member `update`.
  static func event(_ row: JSONValue) -> JSONValue { renamed(row, "update", "step") }

  private static func renamed(_ json: JSONValue, _ old: String, _ new: String) -> JSONValue {
    guard case .object(var members) = json, members[new] == nil,
      let value = members.removeValue(forKey: old)
    else { return json }
    members[new] = value
    return .object(members)
  }
}
