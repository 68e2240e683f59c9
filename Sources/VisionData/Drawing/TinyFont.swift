/// Letters three pixels wide and five high, drawn at twice that size: captions of contact sheets.
///
/// Each glyph is five octal digits, one a row; a digit's bits are the row's pixels, left first.
/// Lower-case letters look like upper-case ones.
enum TinyFont {
  /// Pixels from one letter to the next, and from one line to the next, when drawn.
  static let advance = 8, lineHeight = 14

  private static let glyphs: [Character: Int] = [
    "0": 0o75557, "1": 0o26227, "2": 0o71747, "3": 0o71717, "4": 0o55711, "5": 0o74717,
    "6": 0o74757, "7": 0o71244, "8": 0o75757, "9": 0o75717, "A": 0o25755, "B": 0o65656,
    "C": 0o34443, "D": 0o65556, "E": 0o74647, "F": 0o74644, "G": 0o34553, "H": 0o55755,
    "I": 0o72227, "J": 0o11152, "K": 0o55655, "L": 0o44447, "M": 0o57755, "N": 0o65555,
    "O": 0o25552, "P": 0o65644, "Q": 0o25563, "R": 0o65655, "S": 0o34216, "T": 0o72222,
    "U": 0o55557, "V": 0o55552, "W": 0o55775, "X": 0o55255, "Y": 0o55222, "Z": 0o71247,
    ".": 0o00002, ",": 0o00024, "-": 0o00700, "_": 0o00007, ":": 0o02020, "/": 0o11244,
    "%": 0o51245, "(": 0o12221, ")": 0o42224, "+": 0o02720, "=": 0o07070, "#": 0o57575,
    "?": 0o71202, "!": 0o22202, "'": 0o22000, "[": 0o64446, "]": 0o31113, "<": 0o12421,
    ">": 0o42124, " ": 0,
  ]

  /// Draws one line; what does not fit into `width` pixels is left out.
  static func draw(_ text: String, on image: inout RGBImage, left: Int, top: Int, width: Int) {
    for (position, letter) in text.uppercased().prefix(max(0, width / advance)).enumerated() {
      let glyph = glyphs[letter] ?? 0o75557
      for row in 0..<5 {
        let bits = glyph >> (3 * (4 - row)) & 7
        for column in 0..<3 where bits >> (2 - column) & 1 == 1 {
          for dy in 0..<2 {
            for dx in 0..<2 {
              let x = left + position * advance + column * 2 + dx
              let y = top + row * 2 + dy
              guard x >= 0, y >= 0, x < image.width, y < image.height else { continue }
              let at = (y * image.width + x) * 3
              for channel in 0..<3 { image.pixels[at + channel] = 30 }
            }
          }
        }
      }
    }
  }
}
