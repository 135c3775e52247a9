import { invalidPreferences } from './refusals.ts'

/** What the Prefer header (RFC 7240) asks for. Several headers and one with commas mean the same. */
export interface Preferences {
  readonly return?: 'minimal' | 'representation' | 'headers-only'
  readonly resolution?: 'merge-duplicates' | 'ignore-duplicates'
  readonly missing?: 'default' | 'null'
  readonly count?: Count
  readonly tx?: 'commit' | 'rollback'
  readonly handling?: 'strict' | 'lenient'
  readonly timezone?: string
  readonly maxAffected?: number
}

/** How many rows there are without limit: counted, as the planner expects, or counted up to the hub's own limit. */
export type Count = 'exact' | 'planned' | 'estimated'

const listed = {
  return: ['minimal', 'representation', 'headers-only'],
  resolution: ['merge-duplicates', 'ignore-duplicates'],
  missing: ['default', 'null'],
  count: ['exact', 'planned', 'estimated'],
  tx: ['commit', 'rollback'],
  handling: ['strict', 'lenient'],
} as const

/**
 * The first of each preference counts. Unknown ones are an error under `handling=strict` and ignored otherwise; `tx` is
 * ignored where the hub decides how a transaction ends.
 */
export function parsePreferences(header: string | undefined, mayEndTransaction: boolean): Preferences {
  const parts = (header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const known = {
    return: pick('return', listed.return, parts),
    resolution: pick('resolution', listed.resolution, parts),
    missing: pick('missing', listed.missing, parts),
    count: pick('count', listed.count, parts),
    tx: mayEndTransaction ? pick('tx', listed.tx, parts) : undefined,
    handling: pick('handling', listed.handling, parts),
    timezone: valueOf('timezone', parts),
    maxAffected: wholeNumber(valueOf('max-affected', parts)),
  }
  if (known.handling === 'strict') {
    const invalid = parts.filter((part) => !isKnown(part))
    if (invalid.length > 0) throw invalidPreferences(invalid)
  }
  return withoutUndefined(known)
}

function pick<W extends string>(name: string, words: readonly W[], parts: readonly string[]): W | undefined {
  for (const part of parts) {
    const word = words.find((one) => part === `${name}=${one}`)
    if (word !== undefined) return word
  }
  return undefined
}

function valueOf(name: string, parts: readonly string[]): string | undefined {
  return parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1)
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function isKnown(part: string): boolean {
  const [name = '', value = ''] = part.split('=', 2)
  if (name === 'timezone') return value !== ''
  if (name === 'max-affected') return wholeNumber(value) !== undefined
  return Object.entries(listed).some(([key, words]) => key === name && words.some((word) => word === value))
}

type Known = { readonly [K in keyof Preferences]-?: Preferences[K] | undefined }

function withoutUndefined(known: Known): Preferences {
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}

/** The value of Preference-Applied: what was honoured, in PostgREST's order. */
export function appliedPreferences(applied: Preferences): string {
  const { resolution, missing, return: answer, count, tx, handling, timezone, maxAffected } = applied
  return [
    resolution && `resolution=${resolution}`,
    missing && `missing=${missing}`,
    answer && `return=${answer}`,
    count && `count=${count}`,
    tx && `tx=${tx}`,
    handling && `handling=${handling}`,
    timezone && `timezone=${timezone}`,
    handling === 'strict' && maxAffected !== undefined && `max-affected=${maxAffected}`,
  ]
    .filter((part) => part)
    .join(', ')
}
