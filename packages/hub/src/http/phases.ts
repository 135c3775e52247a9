/** Phases of a request, in PostgREST's words and order. */
export type Phase = 'jwt' | 'parse' | 'plan' | 'transaction' | 'response'

/** Times the phases of one request, each from the end of the one before. */
export interface Phases {
  end(phase: Phase): void
  /** The value of Server-Timing; undefined where it is not told. */
  readonly header: string | undefined
}

const untold: Phases = { end: () => undefined, header: undefined }

export function timePhases(isTold: boolean, now: () => number = () => performance.now()): Phases {
  if (!isTold) return untold
  const ended: string[] = []
  let last = now()
  return {
    end(phase) {
      const at = now()
      ended.push(`${phase};dur=${(at - last).toFixed(1)}`)
      last = at
    },
    get header() {
      return ended.join(', ')
    },
  }
}
