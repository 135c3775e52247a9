import type { PlinthError } from '../errors.ts'
import { invalidOperation } from '../operation/invalid-operation.ts'

/** Looks a word up in a closed list. Types promise that it is there; data that came past them must not become SQL. */
export function listed<W extends string>(list: Readonly<Record<W, string>>, word: W): string {
  if (Object.hasOwn(list, word)) return list[word]
  throw invalidOperation(`${JSON.stringify(word)} is none of ${Object.keys(list).join(', ')}.`)
}

/** For the end of a switch over a closed union: what the types exclude can still arrive from JSON. */
export function unlisted(value: never): PlinthError {
  return invalidOperation(`${JSON.stringify(value)} is no part of an operation.`)
}
