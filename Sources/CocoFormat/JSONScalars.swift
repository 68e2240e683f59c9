import CFormats

/// A JSON number without a fraction that a signed 64-bit number holds; a truth value is none.
func wholeNumber(_ value: UnsafeRawPointer?) -> Int? {
  switch Int(cf_json_kind(value)) {
  case CF_JSON_INTEGER: cf_json_fits(value) == 0 ? nil : Int(cf_json_integer(value))
  case CF_JSON_NUMBER: Int(exactly: cf_json_double(value))
  default: nil
  }
}

func isNumber(_ value: UnsafeRawPointer?) -> Bool {
  let kind = Int(cf_json_kind(value))
  return kind == CF_JSON_INTEGER || kind == CF_JSON_NUMBER
}

/// Whether there is nothing, or null.
func isMissing(_ value: UnsafeRawPointer?) -> Bool { cf_json_kind(value) == CF_JSON_NONE }

/// Whether Python takes a value for true.
func isTrue(_ value: UnsafeRawPointer?) -> Bool {
  switch Int(cf_json_kind(value)) {
  case CF_JSON_BOOL, CF_JSON_INTEGER: cf_json_integer(value) != 0
  case CF_JSON_NUMBER: cf_json_double(value) != 0
  case CF_JSON_TEXT: CocoTables.text(value) != ""
  case CF_JSON_ARRAY: cf_json_count(value) > 0
  case CF_JSON_OBJECT: true
  default: false
  }
}

/// A value for messages, where another type belongs.
func described(_ value: UnsafeRawPointer?) -> String {
  switch Int(cf_json_kind(value)) {
  case CF_JSON_BOOL: "\(cf_json_integer(value) != 0)"
  case CF_JSON_INTEGER: cf_json_fits(value) == 0 ? "a number beyond 63 bits" : "a whole number"
  case CF_JSON_NUMBER: "the number \(cf_json_double(value))"
  case CF_JSON_TEXT: "the text '\((CocoTables.text(value) ?? "").prefix(40))'"
  case CF_JSON_ARRAY: "a list"
  case CF_JSON_OBJECT: "an object"
  default: "nothing"
  }
}

/// What stands where a whole number belongs, for messages.
func describedNumber(_ value: UnsafeRawPointer?) -> String {
  switch Int(cf_json_kind(value)) {
  case CF_JSON_NUMBER: describedFraction(cf_json_double(value))
  case CF_JSON_NONE: "no whole number"
  default: described(value)
  }
}

// Integers that 64 bits do not hold are read as doubles.
private func describedFraction(_ number: Double) -> String {
  number.magnitude >= 0x1p63 ? "a number beyond 63 bits" : "a number that is not whole"
}
