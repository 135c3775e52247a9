import { PlinthError, type ErrorCode, type ServerReport } from 'plinth'

/** The body of every error answer. PostgREST's clients read all four keys, so none is ever left out. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  /** Of an ambiguous relationship a list, one entry a candidate. */
  readonly details: string | readonly Readonly<Record<string, string>>[] | null
  readonly hint: string | null
  /** Of a write with values that cannot be. */
  readonly fields?: readonly FieldIssue[]
}

/** What is wrong with one value of a write; never the value itself. */
export interface FieldIssue {
  /** The column; in a list of rows with its index before it, `[2].email`, and behind it the place in its JSON. */
  readonly field: string
  readonly code: 'required' | 'type' | 'length' | 'enum' | 'check' | 'rule'
  readonly message: string
}

export interface ErrorAnswer {
  readonly status: number
  readonly body: ErrorBody
  readonly headers: Readonly<Record<string, string>>
}

export interface RefusalFields {
  readonly details?: NonNullable<ErrorBody['details']>
  readonly hint?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What a client of the library gets. Default `HubRefused`. */
  readonly code?: ErrorCode
  readonly sqlstate?: string
  /** What PostgreSQL would have said. */
  readonly server?: ServerReport
  /** A name was not in the catalog, or a value not what it allows, so a newer catalog may say otherwise. */
  readonly isUnknownName?: boolean
  readonly fields?: readonly FieldIssue[]
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
      ...(fields.server && { server: fields.server }),
    })
    this.status = status
    this.body = {
      ...{ code, message, details: fields.details ?? null, hint: fields.hint ?? null },
      ...(fields.fields && { fields: fields.fields }),
    }
    this.headers = fields.headers ?? {}
    this.isUnknownName = fields.isUnknownName ?? false
  }
}
