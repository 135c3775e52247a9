import { PlinthError, type ErrorCode } from 'plinth'

/** The body of every error answer. PostgREST's clients read all four keys, so none is ever left out. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  /** Of an ambiguous relationship a list, one entry a candidate. */
  readonly details: string | readonly Readonly<Record<string, string>>[] | null
  readonly hint: string | null
}

export interface RefusalFields {
  readonly details?: NonNullable<ErrorBody['details']>
  readonly hint?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What a client of the library gets. Default `HubRefused`. */
  readonly code?: ErrorCode
  readonly sqlstate?: string
  /** A name was not in the catalog, so a newer catalog may know it. */
  readonly isUnknownName?: boolean
}

/** A request the hub itself turns down; what PostgreSQL refuses stays a plain PlinthError. */
export class Refusal extends PlinthError {
  readonly status: number
  readonly body: ErrorBody
  readonly headers: Readonly<Record<string, string>>
  readonly isUnknownName: boolean

  constructor(status: number, code: string, message: string, fields: RefusalFields = {}) {
    super(fields.code ?? 'HubRefused', message, {
      ...(fields.hint === undefined ? {} : { hint: fields.hint }),
      ...(fields.sqlstate === undefined ? {} : { sqlstate: fields.sqlstate }),
    })
    this.status = status
    this.body = { code, message, details: fields.details ?? null, hint: fields.hint ?? null }
    this.headers = fields.headers ?? {}
    this.isUnknownName = fields.isUnknownName ?? false
  }
}
