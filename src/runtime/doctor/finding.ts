// Finding: what the doctor says about one thing that it looked at.

export interface Finding {
  /** What was looked at: `clock`, `plan`. */
  readonly check: string
  /** `warn`: it runs, and may disappoint. `fail`: it will not run, or not as configured. */
  readonly state: 'ok' | 'warn' | 'fail'
  /** What was found, with its values. */
  readonly text: string
  readonly todo?: string
}
