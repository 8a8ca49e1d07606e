// Nominal types over primitives: what must not be mixed does not compile when mixed.

declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Milliseconds since the Unix epoch, UTC, always an integer. */
export type Ms = Brand<number, 'Ms'>
/** Dense index into the Universe: 0, 1, 2 … never reused within a run. */
export type SymbolId = Brand<number, 'SymbolId'>
export type VenueId = Brand<string, 'VenueId'>
/** Our id for an order, unique for ever: `<strategy tag>-<run>-<n in base 36>`, at most 36 characters. */
export type OrderId = Brand<string, 'OrderId'>
/** The venue's id of one execution. The pair (order id, fill id) is counted once, for ever. */
export type FillId = Brand<string, 'FillId'>

// Grid numbers: doubles that are the nearest to a decimal on the instrument's grid. Adding two of them
// gives a plain number, so the compiler asks for a new snap: rounding cannot be forgotten.
export type Px = Brand<number, 'Px'>
export type Qty = Brand<number, 'Qty'>
export type Money = Brand<number, 'Money'>

/** Brands text that names a venue. */
export const venueId = (text: string): VenueId => text as VenueId
/** Brands text that came from our own id counter, or from a record we wrote. */
export const orderId = (text: string): OrderId => text as OrderId
/** Brands the venue's execution id. */
export const fillId = (text: string): FillId => text as FillId
/** Brands a universe index. Only the universe and records that it wrote call this. */
export const symbolId = (index: number): SymbolId => index as SymbolId
