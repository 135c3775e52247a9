/** Settings of PostgREST 16 that the hub follows. https://docs.postgrest.org/en/v16/references/configuration.html */
const followed = [
  'admin-server-host',
  'admin-server-port',
  'db-aggregates-enabled',
  'db-anon-role',
  'db-channel',
  'db-channel-enabled',
  'db-extra-search-path',
  'db-max-rows',
  'db-pool',
  'db-pool-acquisition-timeout',
  'db-pool-max-idletime',
  'db-pool-max-lifetime',
  'db-pre-request',
  'db-prepared-statements',
  'db-root-spec',
  'db-schemas',
  'db-tx-end',
  'db-uri',
  'jwt-aud',
  'jwt-cache-max-entries',
  'jwt-role-claim-key',
  'jwt-secret',
  'jwt-secret-is-base64',
  'openapi-mode',
  'openapi-security-active',
  'openapi-server-proxy-uri',
  'server-cors-allowed-origins',
  'server-host',
  'server-port',
  'server-timing-enabled',
  'server-trace-header',
] as const

export type PostgrestName = (typeof followed)[number]

/** What PostgREST has and the hub does not. */
export interface NotFollowed {
  /** The value that asks for what the hub does anyway; names of a list in order. */
  readonly agreed: string
  readonly why: string
  /** With any other value the hub would do less than was asked for, so it does not start. Else it is told. */
  readonly isRefused?: true
}

const noSocket: NotFollowed = {
  agreed: '',
  why: 'The hub listens on an address and a port; put a proxy in front for a Unix socket.',
  isRefused: true,
}

const notFollowed: Readonly<Record<string, NotFollowed>> = {
  'admin-server-unix-socket': noSocket,
  'admin-server-unix-socket-mode': { ...noSocket, agreed: '660' },
  'client-error-verbosity': { agreed: 'verbose', why: 'Errors always have all four members.', isRefused: true },
  'db-config': { agreed: 'false', why: 'Settings in the database are not read.' },
  'db-hoisted-tx-settings': {
    agreed: 'default_transaction_isolation,plan_filter.statement_cost_limit,statement_timeout',
    why: 'These settings of a function hold for its whole request: statement_timeout, default_transaction_isolation.',
  },
  'db-plan-enabled': { agreed: 'false', why: 'Plans are not shown over HTTP.' },
  'db-pool-automatic-recovery': { agreed: 'true', why: 'The hub looks for a lost database until it is back.' },
  'db-pre-config': { agreed: '', why: 'Settings in the database are not read.' },
  'log-level': { agreed: 'error', why: 'The hub reports its own faults, and logs no requests.' },
  'log-query': { agreed: 'false', why: 'The hub does not log statements.' },
  'server-reuseport': {
    agreed: 'false',
    why: 'Give each hub a port of its own, and put a balancer in front of several.',
    isRefused: true,
  },
  'server-unix-socket': noSocket,
  'server-unix-socket-mode': { ...noSocket, agreed: '660' },
  'url-use-legacy-target-names': { agreed: 'false', why: 'An embed with an alias has that name and no other.' },
}

/** Names of earlier releases that PostgREST still takes. */
const aliases: Readonly<Record<string, PostgrestName>> = {
  'db-pool-timeout': 'db-pool-max-idletime',
  'db-schema': 'db-schemas',
  'max-rows': 'db-max-rows',
  'pre-request': 'db-pre-request',
  'role-claim-key': 'jwt-role-claim-key',
  'root-spec': 'db-root-spec',
  'secret-is-base64': 'jwt-secret-is-base64',
}

export const postgrestNames: readonly string[] = [...followed, ...Object.keys(notFollowed)].sort()

/** The setting that this name stands for, or what is to be said about it; undefined where PostgREST has none. */
export function lookUpName(name: string): PostgrestName | NotFollowed | undefined {
  const found = followed.find((one) => one === name)
  if (found !== undefined) return found
  if (Object.hasOwn(aliases, name)) return aliases[name]
  return Object.hasOwn(notFollowed, name) ? notFollowed[name] : undefined
}

/** `db-max-rows` → `PGRST_DB_MAX_ROWS` */
export function variableOf(name: string): string {
  return `PGRST_${name.toUpperCase().replaceAll('-', '_')}`
}

/** `PGRST_DB_MAX_ROWS` → `db-max-rows` */
export function nameOfVariable(variable: string): string {
  return variable.slice('PGRST_'.length).toLowerCase().replaceAll('_', '-')
}
