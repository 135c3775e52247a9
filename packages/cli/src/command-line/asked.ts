import { UsageError } from './usage-error.ts'

/** What was asked for: the arguments and options of one command line. */
export interface Asked<Name extends string> {
  readonly args: readonly string[]
  has(name: Name): boolean
  /** Absent when it was not given. One that an unset variable left empty is refused. */
  text(name: Name): string | undefined
  /** Each value of an option that may be given several times. */
  texts(name: Name): readonly string[]
  /** A whole number from 0 to 65535, unless another maximum is named. */
  whole(name: Name, max?: number): number | undefined
}

/** Of each option, its values in the order in which they were given; `true` where it takes none. */
export type Given = ReadonlyMap<string, readonly (string | true)[]>

export function readAsked(args: readonly string[], given: Given): Asked<string> {
  const texts = (name: string): readonly string[] => (given.get(name) ?? []).map((value) => notEmpty(name, value))
  const text = (name: string): string | undefined => {
    const [first, second] = texts(name)
    if (second !== undefined) throw new UsageError(`--${name} is given twice`)
    return first
  }
  return {
    args,
    has: (name) => given.has(name),
    text,
    texts,
    whole: (name, max) => whole(name, text(name), max),
  }
}

function notEmpty(name: string, value: string | true): string {
  if (value === true || value === '') throw new UsageError(`--${name} is empty`)
  return value
}

function whole(name: string, value: string | undefined, max = 65_535): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,15}$/.test(value) && Number(value) <= max) return Number(value)
  throw new UsageError(`--${name} is ${value}; it must be a whole number from 0 to ${max}`)
}
