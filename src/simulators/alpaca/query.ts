// Query: what the parameters of a request say, or the error that Alpaca answers.
import { badRequest, unprocessable } from './error.ts'

/** A count from 1; more than `most` is `most`. */
export function countOf(query: URLSearchParams, name: string, usual: number, most: number): number {
  const text = query.get(name)
  if (text === null || text === '') return usual
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw unprocessable(`invalid ${name}: ${text}`)
  return Math.min(value, most)
}

/** A moment, in milliseconds. */
export function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw unprocessable(`invalid ${name}: ${text}`)
  return at
}

/** The start of a date, in milliseconds. */
export function dateOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const at = Date.parse(text.slice(0, 10))
  if (Number.isNaN(at)) throw badRequest(`invalid ${name}: ${text}`)
  return at
}

/** Words between commas, of all parameters of the name. */
export const listOf = (query: URLSearchParams, name: string): readonly string[] =>
  query
    .getAll(name)
    .flatMap((text) => text.split(','))
    .filter((item) => item !== '')
