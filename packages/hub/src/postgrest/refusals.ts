import { Refusal } from '../refusal.ts'

/** PostgREST's own errors, a function each: https://docs.postgrest.org/en/latest/references/errors.html */

export function unparsable(what: string, place: number, expected: string): Refusal {
  return new Refusal(400, 'PGRST100', `"failed to parse ${what}" (line 1, column ${place + 1})`, {
    details: expected,
    code: 'InvalidOperation',
  })
}

export function methodNotForFunction(method: string): Refusal {
  return new Refusal(405, 'PGRST101', `Cannot use the ${method} method on RPC`, {
    headers: { allow: 'GET, HEAD, POST, OPTIONS' },
  })
}

export function invalidBody(message: string, details?: string): Refusal {
  return new Refusal(400, 'PGRST102', message, {
    ...(details === undefined ? {} : { details }),
    code: 'InvalidOperation',
  })
}

export function rangeRefused(details: string, headers: Readonly<Record<string, string>> = {}): Refusal {
  return new Refusal(416, 'PGRST103', 'Requested range not satisfiable', { details, headers })
}

export function offsetBeyondEnd(offset: number, total: number): Refusal {
  return rangeRefused(`An offset of ${offset} was requested, but there are only ${total} rows.`, {
    'content-range': `*/${total}`,
  })
}

export function unknownSchema(schema: string, exposed: readonly string[]): Refusal {
  return new Refusal(406, 'PGRST106', `Invalid schema: ${schema}`, {
    hint: `Only the following schemas are exposed: ${exposed.join(', ')}`,
  })
}

/** In PostgREST's own words where the hub stands in for it. */
export function contentTypeRefused(contentType: string, isPostgrest: boolean): Refusal {
  const message = `Content-Type not acceptable: ${contentType.slice(0, 200)}`
  if (isPostgrest) return invalidBody(message)
  return sizeRefused(415, `${message}. Send application/json, text/csv or application/x-www-form-urlencoded.`)
}

export function noMediaType(accept: string): Refusal {
  return new Refusal(406, 'PGRST107', `None of these media types are available: ${accept}`)
}

export function notEmbedded(resource: string): Refusal {
  return new Refusal(400, 'PGRST108', `'${resource}' is not an embedded resource in this request`, {
    hint: `Verify that '${resource}' is included in the 'select' query parameter.`,
    code: 'InvalidOperation',
  })
}

/** What a function left in `response.headers` is no list of headers. */
export function headersUnreadable(): Refusal {
  const message = 'response.headers guc must be a JSON array composed of objects with a single key and a string value'
  return new Refusal(500, 'PGRST111', message)
}

export function statusUnreadable(): Refusal {
  return new Refusal(500, 'PGRST112', 'response.status guc must be a valid status code')
}

export function filtersOfPut(): Refusal {
  const message = "Filters must include all and only primary key columns with 'eq' operators"
  return new Refusal(405, 'PGRST105', message, { code: 'InvalidOperation' })
}

export function rangeOfPut(): Refusal {
  return new Refusal(400, 'PGRST114', 'limit/offset querystring parameters are not allowed for PUT', {
    code: 'InvalidOperation',
  })
}

export function keyOfPut(): Refusal {
  return new Refusal(400, 'PGRST115', 'Payload values do not match URL in primary key column(s)', {
    code: 'InvalidOperation',
  })
}

export function notSingular(rows: number | string): Refusal {
  return new Refusal(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', {
    details: `The result contains ${rows} rows`,
    code: 'RowNotFound',
  })
}

export function methodNotSupported(method: string): Refusal {
  return new Refusal(405, 'PGRST117', `Unsupported HTTP method: ${method}`, {
    headers: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' },
  })
}

/** A function raised PGRST, and what it said is not what PostgREST reads. */
export function raisedUnreadable(details: string, hint: string): Refusal {
  return new Refusal(500, 'PGRST121', `Could not parse JSON in the "RAISE SQLSTATE 'PGRST'" error`, { details, hint })
}

export function invalidPreferences(preferences: readonly string[]): Refusal {
  return new Refusal(400, 'PGRST122', 'Invalid preferences given with handling=strict', {
    details: `Invalid preferences: ${preferences.join(', ')}`,
  })
}

export function tooManyAffected(rows: number): Refusal {
  return new Refusal(400, 'PGRST124', 'Query result exceeds max-affected preference constraint', {
    details: `The query affects ${rows} rows`,
  })
}

export function countlessFunction(): Refusal {
  const message = 'Function must return SETOF or TABLE when max-affected preference is used with handling=strict'
  return new Refusal(400, 'PGRST128', message)
}

export function aggregatesRefused(): Refusal {
  return new Refusal(400, 'PGRST123', 'Use of aggregate functions is not allowed', { code: 'InvalidOperation' })
}

export function invalidPath(): Refusal {
  return new Refusal(404, 'PGRST125', 'Invalid path specified in request URL')
}

export function noRootDocument(): Refusal {
  return new Refusal(404, 'PGRST126', 'Root endpoint metadata is disabled')
}

/** Part of PostgREST's dialect that the hub does not have: said, never guessed. */
export function notImplemented(what: string): Refusal {
  return new Refusal(400, 'PGRST127', 'Feature not implemented', { details: what, code: 'InvalidOperation' })
}

/** What a token lacks is told to its bearer; a key that is not known is told nothing more. */
export function credentialRefused(code: 'PGRST301' | 'PGRST303', message: string, details?: string): Refusal {
  return new Refusal(401, code, message, {
    ...(details === undefined ? {} : { details }),
    headers: {
      'www-authenticate': `Bearer error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
    },
    code: 'PermissionDenied',
  })
}

/** A token came, and the hub was told of no key to verify it with. */
export function noSecret(): Refusal {
  return new Refusal(500, 'PGRST300', 'Server lacks JWT secret', { code: 'PermissionDenied' })
}

export function credentialMissing(): Refusal {
  return new Refusal(401, 'PGRST302', 'Anonymous access is disabled', {
    headers: { 'www-authenticate': 'Bearer' },
    code: 'PermissionDenied',
  })
}

export function tooMuch(what: string): Refusal {
  return new Refusal(400, 'PLT400', 'The request is larger than this hub takes', {
    details: what,
    code: 'InvalidOperation',
  })
}

export function sizeRefused(status: 400 | 408 | 413 | 414 | 415 | 431, message: string): Refusal {
  return new Refusal(status, `PLT${status}`, message)
}
