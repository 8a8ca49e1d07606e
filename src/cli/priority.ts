// Priority: a process of the cold plane leaves the processor to whoever trades on the same machine.
import { constants, setPriority } from 'node:os'

/** Of this process and of what it starts from here on. */
export function yieldToTrading(): void {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
}
