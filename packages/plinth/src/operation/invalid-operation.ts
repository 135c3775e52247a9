import { PlinthError } from '../errors.ts'

export function invalidOperation(message: string, hint?: string): PlinthError {
  return new PlinthError('InvalidOperation', message, hint === undefined ? {} : { hint })
}
