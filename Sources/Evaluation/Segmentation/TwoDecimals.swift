/// A fraction as a percentage of two decimals, ties to even, as mmsegmentation prints them;
/// `-` for NaN.
public func twoDecimals(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e10 else { return value.isFinite ? "\(value * 100)" : "-" }
  let hundredths = Int((abs(value) * 10_000).rounded(.toNearestOrEven))
  let cents = String(hundredths % 100)
  return (value < 0 && hundredths > 0 ? "-" : "") + "\(hundredths / 100)."
    + (cents.count < 2 ? "0" : "") + cents
}
