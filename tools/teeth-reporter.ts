// Teeth reporter: one line of JSON for each test that ended, with the code of what it failed by.
import type { TestEvent } from 'node:test/reporters'

export interface Ending {
  readonly name: string
  readonly end: 'passed' | 'failed' | 'skipped'
  /** Of the error that the test threw; `ERR_ASSERTION` for an assertion. */
  readonly code?: string
  readonly why?: string
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const ending = endingOf(event)
    if (ending !== undefined) yield `${JSON.stringify(ending)}\n`
  }
}

function endingOf({ type, data }: TestEvent): Ending | undefined {
  if (type === 'test:pass') {
    return { name: data.name, end: data.skip === undefined ? 'passed' : 'skipped' }
  }
  if (type !== 'test:fail') return undefined
  const { error } = data.details
  // A test that failed because of its subtests tells nothing that they do not tell.
  if ('failureType' in error && error.failureType === 'subtestsFailed') return undefined
  const cause: unknown = error.cause ?? error
  if (!(cause instanceof Error)) return { name: data.name, end: 'failed', why: String(cause) }
  const code = 'code' in cause ? { code: String(cause.code) } : {}
  return { name: data.name, end: 'failed', ...code, why: `${cause.name}: ${cause.message}` }
}
