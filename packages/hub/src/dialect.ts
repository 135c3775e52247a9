import type { Relation } from 'plinth'

/** How the hub speaks PostgREST's dialect where a setting decides; each has a setting of PostgREST's behind it. */
export interface Dialect {
  /** Rows of one answer at most; a cut answer says so (206). Absent: no limit. `db-max-rows` */
  readonly maxRows?: number
  /** Whether `select=amount.sum()` is allowed. `db-aggregates-enabled` */
  readonly hasAggregates: boolean
  /** Called in front of each request, in its transaction. `db-pre-request` */
  readonly preRequest?: Relation
  /** How a request's transaction ends, and whether `Prefer: tx=` may say otherwise. `db-tx-end` */
  readonly transactionEnd: 'commit' | 'commit-allow-override' | 'rollback' | 'rollback-allow-override'
  /** Searched for functions and types behind the schema of the request. `db-extra-search-path` */
  readonly extraSearchPath: readonly string[]
  /** Origins a browser may call from. Absent: every one. `server-cors-allowed-origins` */
  readonly corsOrigins?: readonly string[]
  /** A header of the request that is told back, such as X-Request-Id. `server-trace-header` */
  readonly traceHeader?: string
  /** Whether answers have Server-Timing. `server-timing-enabled` */
  readonly hasServerTiming: boolean
  /** Whose answer the root path is. Absent: the OpenAPI document. `db-root-spec` */
  readonly rootFunction?: Relation
  /** What the OpenAPI document shows: what the caller may use, everything, or there is none. `openapi-mode` */
  readonly openApi: 'follow-privileges' | 'ignore-privileges' | 'disabled'
  /** Address of the hub as its callers know it, for the OpenAPI document. `openapi-server-proxy-uri` */
  readonly openApiUrl?: string
  /** Whether the OpenAPI document says how to log in. `openapi-security-active` */
  readonly hasOpenApiSecurity: boolean
  /** Where NOTIFY tells the hub to read its catalog or its settings anew. Empty: it does not listen. `db-channel` */
  readonly channels: readonly string[]
  /** PostgREST's own behaviour wherever ours is stricter: the hub was started by its settings. */
  readonly isPostgrest: boolean
}

export const defaultDialect: Dialect = {
  hasAggregates: false,
  transactionEnd: 'commit',
  extraSearchPath: ['public'],
  hasServerTiming: false,
  openApi: 'follow-privileges',
  hasOpenApiSecurity: false,
  channels: ['plinth', 'pgrst'],
  isPostgrest: false,
}
