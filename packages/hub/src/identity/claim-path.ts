import { PlinthError } from 'plinth'

/** Finds the value in the claims of a token; undefined where there is none. */
export type ClaimPath = (claims: unknown) => unknown

type Step = (value: unknown) => unknown

/**
 * Reads the place of a claim: a JSON Path (RFC 9535) of names, indexes and at most one filter at its end, or the form
 * that PostgREST had before release 16 (`.roles[?(@ ^== "app_")]`). Throws InvalidOption.
 *
 *     readClaimPath("$.realm_access.roles[?search(@, '^app_')]", 'jwt.roleClaim')
 */
export function readClaimPath(text: string, option: string): ClaimPath {
  const steps: Step[] = []
  let rest = text.startsWith('$') ? text.slice(1) : text
  while (rest !== '') {
    const found = readStep(rest)
    if (found === undefined) throw unreadable(text, option)
    steps.push(found.step)
    rest = rest.slice(found.length)
  }
  if (steps.length === 0) throw unreadable(text, option)
  return (claims) => steps.reduce<unknown>((value, step) => step(value), claims)
}

interface Found {
  readonly step: Step
  readonly length: number
}

const plainName = /^\.([\p{L}\p{N}_$@-]+)/u
const quotedName = /^(?:\."([^"]*)"|\['([^'\\]*)'\]|\["([^"\\]*)"\])/
const index = /^\[(-?\d{1,9})\]/
const comparison = /^\[\?\(?\s*@\s*(==\^|==|!=|\^==|\*==)\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*\)?\]$/
const pattern = /^\[\?\(?\s*search\(\s*@\s*,\s*(?:'([^']*)'|"([^"]*)")\s*\)\s*\)?\]$/

function readStep(rest: string): Found | undefined {
  const named = plainName.exec(rest) ?? quotedName.exec(rest)
  if (named !== null)
    return { step: member(named.slice(1).find((one) => one !== undefined) ?? ''), length: named[0].length }
  const numbered = index.exec(rest)
  if (numbered !== null) return { step: item(Number(numbered[1])), length: numbered[0].length }
  const compared = comparison.exec(rest)
  const [, operator = '', single, double = ''] = compared ?? []
  if (compared !== null) return { step: firstThat(comparing(operator, single ?? double)), length: rest.length }
  const searched = pattern.exec(rest)
  const matches = searched === null ? undefined : matching(searched[1] ?? searched[2] ?? '')
  return matches && { step: firstThat(matches), length: rest.length }
}

function member(name: string): Step {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const members: [string, unknown][] = Object.entries(value)
    return members.find(([key]) => key === name)?.[1]
  }
}

function item(at: number): Step {
  return (value) => listOf(value).at(at)
}

function firstThat(test: (text: string) => boolean): Step {
  return (value) => listOf(value).find((one) => typeof one === 'string' && test(one))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function comparing(operator: string, text: string): (one: string) => boolean {
  switch (operator) {
    case '==':
      return (one) => one === text
    case '!=':
      return (one) => one !== text
    case '^==':
      return (one) => one.startsWith(text)
    case '==^':
      return (one) => one.endsWith(text)
    default:
      return (one) => one.includes(text)
  }
}

/** Undefined for what is no regular expression. */
function matching(text: string): ((one: string) => boolean) | undefined {
  try {
    const expression = new RegExp(text, 'u')
    return (one) => expression.test(one)
  } catch {
    return undefined
  }
}

function unreadable(text: string, option: string): PlinthError {
  return new PlinthError('InvalidOption', `${option} is ${JSON.stringify(text)}, which is no path to a claim.`, {
    hint:
      "Write names, indexes and at the end one filter: $.app.roles[0], $['https://example.com/role'], " +
      "$.roles[?(@ == 'author')].",
  })
}
