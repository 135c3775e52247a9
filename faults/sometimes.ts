import { onObservations } from '../packages/plinth/src/observe/subscribe.ts'

/** What a whole run must have met in this process, or it has shown less than it says. */
export interface Sometimes extends Disposable {
  /** With how often each was met. */
  readonly seen: ReadonlyMap<string, number>
}

export function watchSometimes(): Sometimes {
  const seen = new Map<string, number>(
    [
      'a lost COMMIT was found to be applied',
      'a lost COMMIT was found not to be applied',
      'a transaction was run again',
      'connecting was tried again',
      'an open connection was lost',
      'an attempt was rolled back',
    ].map((what) => [what, 0]),
  )
  const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1)
  const end = onObservations({
    'commit.resolved': ({ isCommitted }) => note(`a lost COMMIT was found ${isCommitted ? '' : 'not '}to be applied`),
    'commit.unknown': () => note('what became of a lost COMMIT was not known'),
    'connection.lost': () => note('an open connection was lost'),
    'attempt.end': ({ outcome }) => (outcome === 'rolled back' ? note('an attempt was rolled back') : undefined),
    retry: ({ what }) => {
      if (what === 'transaction') note('a transaction was run again')
      if (what === 'connect') note('connecting was tried again')
    },
  })
  return { seen, [Symbol.dispose]: end }
}
