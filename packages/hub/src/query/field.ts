import type { Field, JsonPath } from 'plinth'
import { pathBehindText } from '../postgrest/unknown-names.ts'
import type { Scanner } from './scanner.ts'

/** Reads `name` or `name->key->>0`. What the column is, and so how its json is reached, the catalog says later. */
export function parseField(scanner: Scanner, expected?: string): Field {
  const column = scanner.name(expected)
  const path = parseJsonPath(scanner)
  return path === undefined ? { column } : { column, path }
}

/** Reads `->key->>0`, any number of steps. */
export function parseJsonPath(scanner: Scanner): JsonPath | undefined {
  const steps: string[] = []
  let as: JsonPath['as'] = 'json'
  for (let arrow = takeArrow(scanner); arrow !== undefined; arrow = takeArrow(scanner)) {
    if (as === 'text') throw pathBehindText(arrow)
    if (arrow === '->>') as = 'text'
    steps.push(parseStep(scanner))
  }
  return steps.length === 0 ? undefined : { steps, as }
}

function takeArrow(scanner: Scanner): '->' | '->>' | undefined {
  if (scanner.take('->>')) return '->>'
  return scanner.take('->') ? '->' : undefined
}

/** A place in a list, only where the path or the field ends behind it: `0`, `-1`. */
const place = /-?\d+(?=->|::|[.,)]|$)/y
/** A key without quotes is anything but `( - : . , > )`, and a single dash between such. */
const key = /[^(\-:.,>)]+(?:-(?!>)[^(\-:.,>)]+)*/y

function parseStep(scanner: Scanner): string {
  if (scanner.next === '"') return scanner.quoted()
  const step = scanner.match(place) ?? scanner.match(key)?.trim()
  if (step === undefined && scanner.take('-')) scanner.fail('digit')
  if (step === undefined || step === '') scanner.fail('"-", digit or any non reserved character different from: .,>()')
  return step
}

/** What a place in json is called in the result: by its last key, or where it has none by its column. */
export function nameOfPath({ column, path }: Field): string | undefined {
  return path && (path.steps.findLast((step) => !/^-?\d+$/.test(step)) ?? column)
}
