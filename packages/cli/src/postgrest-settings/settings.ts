import { PlinthError } from 'plinth'
import { lookUpName, nameOfVariable, type NotFollowed, type PostgrestName, postgrestNames } from './names.ts'
import { list } from './values.ts'

/** As PostgREST's configuration file would say them; `app.settings.x` too. */
export type PostgrestOptions = Readonly<Record<string, string | number | boolean | readonly string[]>>

export interface PostgrestSettings {
  /** As texts, whatever they came from, so that a file and the environment mean the same. */
  readonly values: ReadonlyMap<PostgrestName, string>
  /** `app.settings.*`, which every session of the database gets. */
  readonly appSettings: ReadonlyMap<string, string>
  /** What was set and is not followed, a sentence each. */
  readonly warnings: readonly string[]
}

const appSettings = 'app.settings.'
const appVariables = 'PGRST_APP_SETTINGS_'

/** One setting as somebody wrote it. */
interface Written {
  /** How it was called where it was written. */
  readonly said: string
  readonly name: string
  readonly text: string
}

/**
 * PostgREST's settings of `plinth.config.ts` and, over them, of the environment. Undefined when there is none: then the
 * hub was not started as PostgREST. Throws InvalidOption for a name PostgREST does not have.
 */
export function readPostgrestSettings(
  options: PostgrestOptions | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): PostgrestSettings | undefined {
  const variables = Object.entries(environment).filter(([name]) => name.startsWith('PGRST_'))
  if (options === undefined && variables.length === 0) return undefined
  const written: Written[] = [
    ...Object.entries(options ?? {}).map(([name, value]) => ({ said: name, name, text: String(value) })),
    ...variables.map(([said, text = '']) => ({ said, name: nameOf(said), text })),
  ]
  const [values, settings, warnings] = [new Map<PostgrestName, string>(), new Map<string, string>(), [] as string[]]
  for (const one of written) {
    if (one.name.startsWith(appSettings)) settings.set(one.name, one.text)
    else file(one, values, warnings)
  }
  return { values, appSettings: settings, warnings }
}

function nameOf(variable: string): string {
  if (!variable.startsWith(appVariables)) return nameOfVariable(variable)
  return appSettings + variable.slice(appVariables.length).toLowerCase()
}

function file(written: Written, values: Map<PostgrestName, string>, warnings: string[]): void {
  const found = lookUpName(written.name)
  if (found === undefined) throw unknownName(written.said)
  if (typeof found === 'string') values.set(found, written.text)
  else warnings.push(...disagreement(found, written))
}

/** An empty text is no setting to PostgREST, and there is nothing to tell. */
function disagreement({ agreed, why, isRefused }: NotFollowed, { said, text }: Written): string[] {
  if (text === '' || list(text).sort().join(',') === agreed) return []
  const what = `${said} is not followed. ${why}`
  if (isRefused) throw new PlinthError('InvalidOption', what, { hint: 'Take the setting away.' })
  return [what]
}

function unknownName(said: string): PlinthError {
  return new PlinthError('InvalidOption', `${said} is not a setting of PostgREST.`, {
    hint: `Take it away, or write one of: ${postgrestNames.join(', ')}.`,
  })
}
