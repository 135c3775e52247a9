import {
  describeDifference,
  type Generated,
  type GeneratedMigration,
  generateMigration,
  type GenerateOptions,
} from 'plinth/migrate'
import type { Report } from '../command-line/command.ts'
import { showProgress } from '../terminal/progress.ts'
import { bold, columns, dim, shortPath } from '../terminal/text.ts'
import { type GenerateAnswers, mergeAnswers } from './answers.ts'
import { ask, describeQuestion, flagsOf } from './questions.ts'

type Options = Omit<GenerateOptions, keyof GenerateAnswers> & GenerateAnswers

/** `plinth migrate generate`: asks on a terminal, and without one tells which flags would answer. */
export async function generate(options: Options, { mayAsk }: { readonly mayAsk: boolean }): Promise<Report> {
  const result = await generateVisibly(options)
  if (result.kind === 'questions' && mayAsk) {
    const answers = await ask(result.questions)
    return await generate({ ...options, ...mergeAnswers(options, answers) }, { mayAsk })
  }
  const isDone = result.kind !== 'questions' && result.kind !== 'refuted'
  return { data: dataOf(result), text: describe(result), hasFindings: !isDone }
}

/** The line of progress is gone before a question is asked. */
async function generateVisibly(options: Options): Promise<Generated> {
  using progress = showProgress()
  return await generateMigration({ ...options, onProgress: progress.scratch })
}

function dataOf(result: Generated): unknown {
  if (result.kind !== 'questions') return result
  return {
    ...result,
    questions: result.questions.map((one) => ({ ...one, flags: flagsOf(one).map(({ flag }) => flag) })),
  }
}

function describe(result: Generated): string {
  switch (result.kind) {
    case 'unchanged':
      return 'Nothing to do: the entities are as the last snapshot has them.'
    case 'recorded':
      return `Nothing to do: ${result.id} makes what the entities say. Its snapshot.json was brought up to date.`
    case 'questions':
      return [
        'Nothing was written. Say what became of these, each with one of its flags:',
        ...result.questions.map((one) => {
          const flags = flagsOf(one).map(({ flag, about }) => [`  ${flag}`, about])
          return `  ${describeQuestion(one)}\n${columns(flags)}`
        }),
      ].join('\n\n')
    case 'refuted':
      return describeRefutation(result)
    case 'written':
      return result.migrations.map(describeWritten).join('\n')
  }
}

function describeRefutation({ id, direction, differences }: Generated & { readonly kind: 'refuted' }): string {
  const [expected, found] =
    direction === 'up' ? ['the entities', 'what the migration makes'] : ['the database before it', 'what is left']
  const reason = direction === 'up' ? 'does not lead to what the entities say' : 'does not lead back'
  return [
    `Nothing was written: on a scratch database ${id} ${reason}.`,
    ...differences.map((one) => `  ${describeDifference(one, expected, found)}`),
    dim('Write this step by hand: plinth migrate create. Then generate records it.'),
  ].join('\n')
}

function describeWritten({ folder, notes }: GeneratedMigration): string {
  const lines = notes.map((note) => `  ${note}`)
  return [`${bold(shortPath(folder))}  ${dim('proved on a scratch database, up and down')}`, ...lines].join('\n')
}
