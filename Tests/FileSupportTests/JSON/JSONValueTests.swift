import CounterRandom
import FileSupport
import Foundation
import TestSupport
import Testing

@Suite("JSON", .timeLimit(.minutes(5)))
struct JSONValueTests {
  @Test("The text depends on the contents alone and has sorted keys")
  func order() {
    let value = JSONValue.object([
      "b": .array([.integer(1), .number(0.5), .null]), "a": .bool(true),
      "c": .object(["z": .string("x"), "k": .array([.object(["q": .number(3)])])]),
    ])
    #expect(value.text() == #"{"a":true,"b":[1,0.5,null],"c":{"k":[{"q":3}],"z":"x"}}"#)
    #expect(
      value.text(isPretty: true) == """
        {
          "a": true,
          "b": [1, 0.5, null],
          "c": {
            "k": [
              {
                "q": 3
              }
            ],
            "z": "x"
          }
        }
        """)
  }

  @Test("Numbers are the shortest that read back as the same bits")
  func numbers() throws {
    var stream = RandomStream(seed: 5, purpose: .test)
    var numbers = [
      0.1, 1e-300, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e15, 1e16, 0x1p53, 123456.75,
    ]
    while numbers.count < 2000 {
      let number = Double(bitPattern: stream.next())
      if number.isFinite { numbers.append(number) }
    }
    let text = JSONValue.array(numbers.map { .number($0) }).text()
    let read = try #require(JSONValue(parsing: Array(text.utf8))?.arrayValue)
    for (own, expected) in paired(read, numbers) {
      #expect(own.doubleValue?.bitPattern == expected.bitPattern, "\(expected)")
    }
    #expect(JSONValue.array([.number(.nan), .number(.infinity)]).text() == "[null,null]")
  }

  @Test("Whole numbers of 64 bits, truth values and texts keep their kind")
  func kinds() {
    for value in [
      JSONValue.integer(.max), .integer(.min), .integer(1), .integer(0), .bool(true), .bool(false),
      .null, .string("1"), .number(0.25), .array([]), .object([:]),
    ] {
      #expect(JSONValue(parsing: Array(value.text().utf8)) == value, "\(value)")
    }
    #expect(JSONValue.number(3).intValue == 3 && JSONValue.number(3.5).intValue == nil)
    #expect(JSONValue.bool(true).intValue == nil && JSONValue.bool(true).doubleValue == nil)
  }

  @Test("Every character survives writing and reading")
  func characters() {
    let text = "q\" b\\ \n\r\t\u{0}\u{1F}\u{7F} é 漢 🦢 \u{2028} e\u{301}"
    let value = JSONValue.object([text: .string(text)])
    #expect(JSONValue(parsing: Array(value.text().utf8)) == value)
    #expect(value.text().unicodeScalars.allSatisfy { $0.value >= 0x20 })
  }

  @Test("Escapes, spaces and every form of a number are read")
  func forms() {
    let text =
      #" { "a\u00e9\ud83e\udda2\/\b\f" : [ -0 , 1E2 , 1e-2 , -1.5e+1, 18446744073709551616 ] } "#
    #expect(
      JSONValue(parsing: Array(text.utf8))
        == .object([
          "aé🦢/\u{8}\u{C}": .array([
            .integer(0), .number(100), .number(0.01), .number(-15), .number(0x1p64),
          ])
        ]))
  }

  @Test(
    "What is no JSON gives nothing",
    arguments: [
      "", " ", "{", "}", "{\"a\":}", "{\"a\" 1}", "{a:1}", "{\"a\":1,}", "[1,]", "[1 2]", "[1]x",
      "nul",
      "01", "1.", ".5", "+1", "1e", "-", "1e999", "NaN", "\"a", "\"\u{1}\"", "\"\\x\"",
      "\"\\u12g4\"",
      "\"\\ud83e\"", "\"\\udda2\"", "'a'", "[1] [2]",
    ])
  func damage(text: String) {
    #expect(JSONValue(parsing: Array(text.utf8)) == nil)
  }

  @Test(
    "What is wrong is said with its place",
    arguments: [
      ("{\"a\": 1,\n\"é\": [1 2]}", "is no valid JSON, in line 2, byte 10"),
      ("{\"a\": [1,", "is cut off, its JSON ends too early, in line 1, byte 10"),
      ("", "is cut off, its JSON ends too early, in line 1, byte 1"),
      ("{\"a\": 1}\n}", "is no valid JSON, in line 2, byte 1"),
      (
        "{\"a\": 1, \"b\": 2,\n \"a\": 3}", "has the key 'a' twice in one object, in line 2, byte 2"
      ),
      (
        "[{\"a\": {\"b\": 1, \"\\u0062\": 1}}]",
        "has the key 'b' twice in one object, in line 1, byte 17"
      ),
    ])
  func faults(text: String, problem: String) {
    let fault = #expect(throws: JSONFault.self) { try JSONValue(document: Array(text.utf8)) }
    #expect(fault?.problem == problem)
    #expect(JSONValue(parsing: Array(text.utf8)) == nil)
  }

  @Test("Bytes that are no UTF-8, and nesting without end, give nothing")
  func hostile() {
    #expect(JSONValue(parsing: [0x22, 0xFF, 0x22]) == nil)
    #expect(JSONValue(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) == nil)
    let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect(JSONValue(parsing: Array(deep.utf8)) != nil)
  }
}
