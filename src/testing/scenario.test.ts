import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scenario } from './scenario.ts'

const told = (story: string): string => {
  try {
    scenario(story)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

test('a story that goes otherwise tells the turn, what was told and what happened', () => {
  const message = told(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98    > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100           > submit #2 sell 5 stop 98 gtc
                                          = position 4 @ 100
    10:00:03  filled #1 6 @ 100
  `)
  assert.match(message, /10:00:02 {2}filled #1 4 @ 100/)
  assert.match(message, /told {7}> submit #2 sell 5 stop 98 gtc/)
  assert.match(message, /happened {3}> submit #2 sell 4 stop 98 gtc/)
  assert.match(message, /#1 open 4\/10 entry\n {6}#2 sent 0\/4 stop\n {6}s\/AAPL position 4 @ 100/)
  assert.doesNotMatch(message, /10:00:03/, 'what follows is not played')
})

test('a command, a notice or a state that nobody told of is a difference', () => {
  const begin = '10:00:00  trade AAPL 100'
  assert.match(told(`${begin}\n10:00:01  s buy 1`), /happened {3}> submit #1 buy 1 market/)
  assert.match(told(`${begin}\n10:00:01  s buy 0`), /happened {3}! denied below-minimum/)
  assert.match(told(`${begin}\n10:00:01  wait  > cancel #1`), /told {7}> cancel #1/)
  assert.match(told(`${begin}\n10:00:01  wait  = position 1 @ 100`), /happened {3}= position 0/)
  assert.equal(told(begin), '')
})

test('words that no story knows are refused', () => {
  assert.match(told('10:00:00  dance AAPL'), /"dance AAPL" is no fact/)
  assert.match(told('10:00:00  s dance'), /"dance" is no wish/)
  assert.match(told('10:00:00  trade MSFT 1'), /MSFT is in the universe/)
  assert.match(told('10:00:00  trade AAPL much'), /"much" is a number/)
  assert.match(told('trade AAPL 100'), /a story begins with a time/)
})
