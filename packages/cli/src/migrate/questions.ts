import { isCancel, select, text } from '@clack/prompts'
import type { GenerateQuestion } from 'plinth/migrate'
import { Stopped } from '../terminal/stop.ts'
import { type GenerateAnswers, mergeAnswers, readAnswers } from './answers.ts'

/** One thing that can be answered: the flag that says so, and what comes of it. */
interface Choice {
  readonly flag: 'rename' | 'drop' | 'using' | 'using-down'
  readonly value: string
  readonly about: string
}

const none = { renames: [], drops: [], using: [], usingDown: [] }

/** What was lost with it, said where somebody is about to lose it. */
const losses: Readonly<Record<string, string>> = {
  schema: 'everything in it is lost',
  table: 'its rows are lost',
  column: 'its values are lost',
  sequence: 'where it stands is lost',
  enum: 'columns of it are changed to another type',
}

export function describeQuestion(question: GenerateQuestion): string {
  if (question.object !== 'value') {
    const isRemade = question.added.length === 0
    const what = isRemade ? 'is gone, or has to be made anew' : 'is gone, or has another name'
    return `The ${question.object} ${question.removed} ${what}.`
  }
  const back = question.direction === 'down' ? ' on the way back' : ''
  return `PostgreSQL cannot make ${question.type} of the values of ${question.column}${back}.`
}

/** Empty for a value, which somebody has to write. */
function choicesOf(question: GenerateQuestion): Choice[] {
  if (question.object === 'value') return []
  const renames = question.added.map((added): Choice => {
    return { flag: 'rename', value: `${question.removed}=${added}`, about: `it is ${added} now` }
  })
  return [...renames, { flag: 'drop', value: question.removed, about: losses[question.object] ?? 'it is lost' }]
}

/** The flags that answer it, for whoever has no terminal. */
export function flagsOf(question: GenerateQuestion): { readonly flag: string; readonly about: string }[] {
  if (question.object !== 'value') {
    return choicesOf(question).map(({ flag, value, about }) => ({ flag: `--${flag} ${quoted(value)}`, about }))
  }
  const flag = question.direction === 'down' ? '--using-down' : '--using'
  return [{ flag: `${flag} ${quoted(`${question.column}=<SQL>`)}`, about: 'the SQL of its new value' }]
}

function quoted(value: string): string {
  return /^[\w.=-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}

/** Asks each on the terminal. Throws Stopped when somebody has had enough. */
export async function ask(questions: readonly GenerateQuestion[]): Promise<GenerateAnswers> {
  let answers = readAnswers(none)
  const taken = new Set<string>()
  for (const question of questions) {
    const answer = question.object === 'value' ? await askValue(question) : await askChoice(question, taken)
    taken.add(answer.renames[0]?.to ?? '')
    answers = mergeAnswers(answers, answer)
  }
  return answers
}

async function askChoice(question: GenerateQuestion, taken: ReadonlySet<string>): Promise<GenerateAnswers> {
  const choices = choicesOf(question).filter(({ value }) => !taken.has(value.split('=')[1] ?? value))
  const options = choices.map((choice) => ({
    value: choice,
    label: choice.flag === 'rename' ? `Renamed: ${choice.about}` : `Drop it: ${choice.about}`,
  }))
  const chosen = await select({ message: describeQuestion(question), options })
  if (isCancel(chosen)) throw new Stopped()
  return readAnswers({ ...none, [chosen.flag === 'rename' ? 'renames' : 'drops']: [chosen.value] })
}

async function askValue(question: GenerateQuestion & { readonly object: 'value' }): Promise<GenerateAnswers> {
  const message = `${describeQuestion(question)} Which SQL gives the new value?`
  const sql = await text({ message, validate: (given) => (given?.trim() ? undefined : 'An expression, such as 0') })
  if (isCancel(sql)) throw new Stopped()
  const pair = [`${question.column}=${sql}`]
  return readAnswers(question.direction === 'down' ? { ...none, usingDown: pair } : { ...none, using: pair })
}
