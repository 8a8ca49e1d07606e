// Json: members of a venue's JSON, read one by one: what is missing, null or of another kind is `undefined`.

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** The object that a frame of a stream holds as JSON; undefined where it holds none. */
export function objectIn(frame: string | Uint8Array): Json | undefined {
  try {
    const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('utf8')
    const message: unknown = JSON.parse(text)
    return isObject(message) ? message : undefined
  } catch {
    return undefined
  }
}

/** A decimal as text, or a number; undefined for null, '', NaN and anything else. */
export function decimalOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string' || !/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value))
    return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** `0.000001`, never `1e-6`: venues read decimals. At most nine places. */
export function decimal(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(9).replace(/\.?0+$/, '') : text
}

/** `{ [key]: value }`, or nothing where the value is undefined. */
export const some = <K extends string, T>(
  key: K,
  value: T | undefined,
): { readonly [P in K]?: T } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T }
