// Text of a scenario → its turns: what is said of time, and which lines belong together.
import type { Ms } from '../core/brand.ts'
import { DAY, ms } from '../core/time.ts'
import { utc } from './builders.ts'

/** One turn of a story, still as text. */
export interface Step {
  /** Number of its first line in the story. */
  readonly line: number
  readonly at: Ms
  /** As they were written, for messages. */
  readonly written: string[]
  /** What happens, one fact or wish each. */
  readonly happens: string[]
  readonly commands: string[]
  readonly notices: string[]
  readonly states: string[]
}

/** Midnight in New York of the Monday on which stories begin; four hours behind UTC all that week. */
const MIDNIGHT = utc('2026-03-09 04:00')
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const TIME = /^(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{3}))?)?(?:\s+|$)/

/** The turns of a story, in the order told. */
export function parseStory(story: string): readonly Step[] {
  const steps: Step[] = []
  for (const [i, written] of story.split('\n').entries()) {
    let text = written.trim()
    if (text === '') continue
    const time = TIME.exec(text)
    if (time !== null) {
      text = text.slice(time[0].length)
      const empty = { written: [], happens: [], commands: [], notices: [], states: [] }
      steps.push({ line: i + 1, at: timeOf(time), ...empty })
    }
    const step = steps.at(-1)
    if (step === undefined) throw new Error(`a story begins with a time, not with "${text}"`)
    step.written.push(written)
    for (const part of text.split(/\s{2,}(?=[>!=] )/)) addTo(step, part.trim())
  }
  return steps
}

function addTo(step: Step, part: string): void {
  const rest = part.slice(2).trim()
  if (part.startsWith('> ')) step.commands.push(rest)
  else if (part.startsWith('! ')) step.notices.push(rest)
  else if (part.startsWith('= ')) step.states.push(...rest.split(', '))
  else if (part !== '' && part !== 'wait') step.happens.push(part)
}

function timeOf([, day, hour, minute, second, milli]: RegExpExecArray): Ms {
  const minutes = Number(hour) * 60 + Number(minute)
  const milliseconds = (minutes * 60 + Number(second ?? 0)) * 1_000 + Number(milli ?? 0)
  return ms(MIDNIGHT + Math.max(0, DAYS.indexOf(day ?? 'Mon')) * DAY + milliseconds)
}
