import { Refused } from '@example/database'
import type { NextFunction, Request, Response } from 'express'

/** What a client did wrong; the rest goes on to Express, which logs it and answers 500 without saying why. */
export function answerRefusal(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  const refused = isBadBody(error) ? new Refused(error.status, error.message) : error
  if (!(refused instanceof Refused) || response.headersSent) return next(error)
  response.status(refused.status).type('application/problem+json').send(JSON.stringify(refused.body))
}

/** Of express.json: a body that is no JSON, or too large. */
function isBadBody(error: unknown): error is Error & { readonly status: number } {
  return error instanceof Error && 'type' in error && 'status' in error && typeof error.status === 'number'
}
