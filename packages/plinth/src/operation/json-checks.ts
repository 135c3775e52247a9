import { isPlain } from './encode.ts'
import { invalidOperation } from './invalid-operation.ts'

/** Throws InvalidOperation with the path of the fault, when `value` is not what the check is for. */
export type Check = (value: unknown, path: string) => void

interface Field<Needed extends boolean> {
  readonly needed: Needed
  readonly check: Check
}

/** A check for each field of T, saying of each whether T needs it: leaving one out does not compile. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<object extends Pick<T, K> ? false : true> }

export const needed = (check: Check): Field<true> => ({ needed: true, check })
export const optional = (check: Check): Field<false> => ({ needed: false, check })

/** A closed object: a field that is not listed is a fault, not ignored. */
export function object(fields: Readonly<Record<string, Field<boolean>>>): Check {
  const known = new Map(Object.entries(fields))
  return (value, path) => {
    if (!isPlain(value)) throw fault(path, 'an object')
    for (const key of Object.keys(value)) if (!known.has(key)) throw fault(path, `without ${JSON.stringify(key)}`)
    for (const [key, field] of known) {
      if (Object.hasOwn(value, key)) field.check(value[key], `${path}.${key}`)
      else if (field.needed) throw fault(`${path}.${key}`, 'given')
    }
  }
}

/** An object whose `kind` says which of the checks holds for it. */
export function byKind(checks: ReadonlyMap<unknown, Check>): Check {
  return (value, path) => {
    if (!isPlain(value)) throw fault(path, 'an object')
    const check = checks.get(value['kind'])
    if (!check) throw fault(`${path}.kind`, `one of ${[...checks.keys()].join(', ')}`)
    check(value, path)
  }
}

export function list(item: Check, { min = 0, max }: { readonly min?: number; readonly max: number }): Check {
  return (value, path) => {
    if (!Array.isArray(value)) throw fault(path, 'a list')
    if (value.length < min || value.length > max) throw fault(path, `a list of ${min} to ${max} items`)
    value.forEach((part: unknown, i) => item(part, `${path}[${i}]`))
  }
}

export function oneOf<W extends string | true>(...words: readonly W[]): Check {
  return (value, path) => {
    if (!words.some((word) => word === value)) throw fault(path, `one of ${words.join(', ')}`)
  }
}

/** The first check for objects, the second for everything else. */
export function objectOr(forObjects: Check, otherwise: Check): Check {
  return (value, path) => (isPlain(value) ? forObjects(value, path) : otherwise(value, path))
}

export const text: Check = (value, path) => {
  if (typeof value !== 'string') throw fault(path, 'a text')
}

export const name: Check = (value, path) => {
  if (typeof value !== 'string' || value === '') throw fault(path, 'a name')
}

export const wholeNumber: Check = (value, path) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw fault(path, 'a whole number from 0')
}

/** A row or arguments: any JSON under names; its values were looked at by `checkSize`. */
export const record: Check = (value, path) => {
  if (!isPlain(value)) throw fault(path, 'an object')
}

export function fault(path: string, expected: string): Error {
  return invalidOperation(`${path} must be ${expected}.`)
}

export interface SizeLimits {
  readonly maxNodes: number
  readonly maxDepth: number
}

/**
 * Looks at the whole of a JSON value without recursion, before anything recurses into it: its depth, its number of
 * objects and lists (those inside `uncounted` top fields excepted), and that its texts and numbers can be stored.
 */
export function checkSize(json: unknown, limits: SizeLimits, uncounted: readonly string[]): void {
  let nodes = 0
  const open: { value: unknown; path: string; depth: number; counted: boolean }[] = [
    { value: json, path: 'operation', depth: 1, counted: true },
  ]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, depth, counted } = next
    if (typeof value !== 'object' || value === null) {
      checkScalar(value, path)
      continue
    }
    if (depth > limits.maxDepth) throw fault(path.slice(0, 200), `nested at most ${limits.maxDepth} deep`)
    if (counted && ++nodes > limits.maxNodes) throw fault('operation', `made of at most ${limits.maxNodes} parts`)
    for (const [key, item] of Object.entries(value)) {
      checkScalar(key, path)
      const within = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`
      open.push({
        value: item,
        path: within,
        depth: depth + 1,
        counted: counted && !(depth === 1 && uncounted.includes(key)),
      })
    }
  }
}

function checkScalar(value: unknown, path: string): void {
  if (value === null || typeof value === 'boolean') return
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw fault(path, 'a number that JavaScript can hold; give large ones as text')
  } else if (typeof value !== 'string') throw fault(path, 'JSON')
  else if (value.includes('\0') || !value.isWellFormed()) throw fault(path, 'text without U+0000 and lone surrogates')
}
