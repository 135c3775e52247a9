import { validateHeaderName, validateHeaderValue } from 'node:http'

/** The length and the pieces of a body are not a function's to say: the next answer on the connection hangs on them. */
const ofTheConnection: ReadonlySet<string> = new Set(
  'content-length transfer-encoding connection keep-alive trailer upgrade te date'.split(' '),
)

/** Whether a function of the database may put this header on an answer. */
export function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    return false
  }
  return !ofTheConnection.has(name.toLowerCase())
}
