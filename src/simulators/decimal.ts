// Decimal: numbers as venues write them.

/** Quantities, prices and money are text: at most nine decimals, no exponent, no trailing zeros. */
export function decimal(value: number): string {
  // Most of what a venue writes is whole, and this is far quicker.
  if (Number.isSafeInteger(value)) return String(value)
  const text = value.toFixed(9).replace(/\.?0+$/, '')
  return text === '-0' ? '0' : text
}
