import { Refused } from './refused.ts'

/** What is needed of a schema by https://standardschema.dev: those of Zod, Valibot, ArkType and others have it. */
interface Schema<T> {
  readonly '~standard': { validate(value: unknown): Result<T> | Promise<Result<T>> }
}

type Result<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly Issue[] }

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The value as the schema gives it. Throws Refused with what is wrong and in which fields. */
export async function validated<T>(schema: Schema<T>, value: unknown): Promise<T> {
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return result.value
  const fields = result.issues.map(({ path = [] }) => path.map(nameOf).join('.'))
  const messages = result.issues.map(({ message }, i) => [fields[i], message].filter(Boolean).join(': '))
  throw new Refused(422, messages.join('; '), fields)
}

function nameOf(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part)
}
