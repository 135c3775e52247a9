/**
 * Who asks. There is no value that means "the system" and none that means "nobody in particular": a request without a
 * credential is the anonymous caller, when there is one, or no caller at all.
 */
export type Caller =
  | { readonly kind: 'service'; readonly name: string; readonly role: string }
  | { readonly kind: 'token'; readonly role: string; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: 'anonymous'; readonly role: string }
  /** Holds the key printed for this run: acts as the role of the database URL itself. */
  | { readonly kind: 'owner' }

/** What PostgreSQL is told of the caller, for one statement: the role that decides, the claims that policies read. */
export function settingsOf(caller: Caller): Readonly<Record<string, string>> {
  switch (caller.kind) {
    case 'owner':
      // Empty, not absent: PostgreSQL leaves '' behind where a setting once was, and a policy may read it as JSON.
      return { 'request.jwt.claims': '{}' }
    case 'token':
      return { role: caller.role, 'request.jwt.claims': JSON.stringify(caller.claims) }
    case 'service':
      return { role: caller.role, 'request.jwt.claims': JSON.stringify({ role: caller.role, sub: caller.name }) }
    case 'anonymous':
      return { role: caller.role, 'request.jwt.claims': JSON.stringify({ role: caller.role }) }
  }
}
