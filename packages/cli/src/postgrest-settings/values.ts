import { PlinthError } from 'plinth'
import { type PostgrestName, variableOf } from './names.ts'

export type Values = ReadonlyMap<PostgrestName, string>

/** An empty text is a setting that was not made. */
export function text(values: Values, name: PostgrestName): string | undefined {
  return values.get(name) || undefined
}

export function whole(values: Values, name: PostgrestName, most: number = 2_147_483_647): number | undefined {
  const given = text(values, name)
  if (given === undefined) return undefined
  const trimmed = given.trim()
  if (/^\d{1,10}$/.test(trimmed) && Number(trimmed) <= most) return Number(trimmed)
  throw wrongValue(name, `is ${JSON.stringify(given)}; it must be a whole number from 0 to ${most}`)
}

/** Text with quotes around it, and any number above 0, count as PostgREST takes them. */
export function flag(values: Values, name: PostgrestName): boolean | undefined {
  const given = text(values, name)
  if (given === undefined) return undefined
  const letters = given.replaceAll(/[^a-z]/gi, '').toLowerCase()
  if (letters === 'true' || letters === 'false') return letters === 'true'
  if (/^\d+$/.test(given)) return Number(given) > 0
  throw wrongValue(name, `is ${JSON.stringify(given)}; it must be true or false`)
}

export function choice<const T extends string>(
  values: Values,
  name: PostgrestName,
  choices: readonly T[],
): T | undefined {
  const given = text(values, name)
  const found = choices.find((one) => one === given)
  if (given === undefined || found !== undefined) return found
  throw wrongValue(name, `is ${JSON.stringify(given)}; it must be one of ${choices.join(', ')}`)
}

/** Names with commas between. */
export function list(given: string): string[] {
  return given.split(',').map((one) => one.trim())
}

export function wrongValue(name: PostgrestName, what: string): PlinthError {
  return new PlinthError('InvalidOption', `${name} (${variableOf(name)}) ${what}.`)
}
