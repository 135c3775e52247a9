import type { AllowOptions } from '../stage/allow-options.ts'

export interface ServiceCaller {
  readonly kind: 'service'
  readonly name: string
  readonly role: string
  readonly claims: string
  /** Absent: all that the role may. */
  readonly allow?: AllowOptions
  /** Of each of its requests in the database. Absent: what the hub gives everybody. */
  readonly statementTimeoutMs?: number
}

/**
 * Who asks. There is no value that means "the system" and none that means "nobody in particular": a request without a
 * credential is the anonymous caller, when there is one, or no caller at all.
 */
export type Caller =
  | ServiceCaller
  | { readonly kind: 'token'; readonly role: string; readonly claims: string }
  | { readonly kind: 'anonymous'; readonly role: string; readonly claims: string }
  /** Holds the key printed for this run: acts as the role of the database URL itself. */
  | { readonly kind: 'owner'; readonly claims: string }

/**
 * What PostgreSQL is told of the caller, for one statement: the role that decides, the claims that policies read. The
 * claims are JSON text, made once for each caller and not once for each request.
 */
export function settingsOf(caller: Caller): Readonly<Record<string, string>> {
  // The owner's claims are empty and not absent: PostgreSQL leaves '' behind where a setting once was, and a policy may
  // read it as JSON.
  if (caller.kind === 'owner') return { 'request.jwt.claims': caller.claims }
  return { role: caller.role, 'request.jwt.claims': caller.claims }
}

/**
 * The claims with the role that was taken. The text stays as it was signed wherever it can: a number of 64 bits would
 * lose digits on the way through JavaScript.
 */
export function claimsWithRole(claims: Readonly<Record<string, unknown>>, text: string, role: string): string {
  if (claims['role'] === role) return text
  if (Object.hasOwn(claims, 'role')) return JSON.stringify({ ...claims, role })
  const rest = text.slice(text.indexOf('{') + 1)
  const hasMore = Object.keys(claims).length > 0
  return `{"role":${JSON.stringify(role)}${hasMore ? ',' : ''}${rest}`
}
