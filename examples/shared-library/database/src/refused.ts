/** What a client did wrong, as problem details (RFC 9457). Failures of the database have theirs from Plinth. */
export class Refused extends Error {
  readonly status: number
  readonly fields: readonly string[]

  constructor(status: number, title: string, fields: readonly string[] = []) {
    super(title)
    this.status = status
    this.fields = fields
  }

  get body(): object {
    const { status, message, fields } = this
    return { type: 'about:blank', status, title: message, ...(fields.length > 0 && { fields }) }
  }
}
