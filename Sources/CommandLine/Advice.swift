import Foundation

extension OptionTable {
  /// An error's sentence without advice that this program cannot follow: options it does not have.
  ///
  /// Loaders serve several programs and advise what most of them can do. Advice that names another
  /// program stays.
  func fitting(_ sentence: String) -> String {
    guard let mark = sentence.range(of: "; ", options: .backwards), sentence.hasSuffix(".") else {
      return sentence
    }
    let advice = sentence[mark.upperBound...].dropLast().components(separatedBy: ", or ")
    let possible = advice.filter { part in
      part.contains("bench-")
        || part.matches(of: /--([a-z][a-z0-9-]*)/).allSatisfy { isOption(String($0.1)) }
    }
    guard possible.count < advice.count else { return sentence }
    let start = sentence[..<mark.lowerBound]
    return possible.isEmpty
      ? start + "." : start + "; " + possible.joined(separator: ", or ") + "."
  }

  /// Whether it is the name of an option, or of a switch that is turned off.
  func isOption(_ name: String) -> Bool {
    Question(rawValue: name) != nil
      || rows.contains {
        !$0.isPositional
          && ($0.name == name || ($0.placeholder == nil && "no-" + $0.name == name))
      }
  }
}
