import type { GenerateOptions } from 'plinth/migrate'
import { UsageError } from '../command-line/usage-error.ts'

export type GenerateAnswers = Required<Pick<GenerateOptions, 'renames' | 'drops' | 'using' | 'usingDown'>>

/** The values of `--rename`, `--drop`, `--using` and `--using-down`. */
export function readAnswers(
  given: Readonly<Record<'renames' | 'drops' | 'using' | 'usingDown', readonly string[]>>,
): GenerateAnswers {
  return {
    renames: given.renames.map((text) => pair('rename', 'old=new', text)).map(([from, to]) => ({ from, to })),
    drops: given.drops,
    using: Object.fromEntries(given.using.map((text) => pair('using', 'column=sql', text))),
    usingDown: Object.fromEntries(given.usingDown.map((text) => pair('using-down', 'column=sql', text))),
  }
}

/** Cut at the first `=`: SQL may hold more of them. */
function pair(flag: string, form: string, text: string): [string, string] {
  const at = text.indexOf('=')
  const [left, right] = [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()]
  if (left === '' || right === '') throw new UsageError(`--${flag} is ${text}; it must be ${form}`)
  return [left, right]
}

/** The answers with those of another round. */
export function mergeAnswers(one: GenerateAnswers, other: GenerateAnswers): GenerateAnswers {
  return {
    renames: [...one.renames, ...other.renames],
    drops: [...one.drops, ...other.drops],
    using: { ...one.using, ...other.using },
    usingDown: { ...one.usingDown, ...other.usingDown },
  }
}
