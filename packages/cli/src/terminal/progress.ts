import type { MigrationProgress, ScratchProgress, SeedProgress } from 'plinth/migrate'
import { duration } from './table.ts'
import { printable } from './text.ts'

/** Shows how far migrations, seeds and proofs are. What is shown is over at the end of its scope. */
export interface Progress extends Disposable {
  readonly migration: (progress: MigrationProgress) => void
  readonly seed: (progress: SeedProgress) => void
  readonly scratch: (progress: ScratchProgress) => void
}

/** Where it is shown: standard error, for standard output is the command's report. */
export type ProgressStream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>

/** What is going on, and whether it is news: something that began, ended or is tried again. */
interface Step {
  readonly text: string
  readonly isNews: boolean
}

const redrawMs = 200
const reminderMs = 60_000
/** What is proved or compared is mostly over before anybody wonders. */
const quietMs = 1000

/**
 * On a terminal one line that is written over and over, and erased at the end. In a file or a pipe, as in CI, a line
 * for each thing that begins, ends or is tried again, and one a minute while nothing of that happens. Work on a scratch
 * server is told of when it has taken a second.
 */
export function showProgress(out: ProgressStream = process.stderr): Progress {
  const { note, end } = out.isTTY ? oneLine(out) : manyLines(out)
  const late = afterQuiet(note)
  return {
    migration: (progress) => note(ofMigration(progress)),
    seed: (progress) => note(ofSeed(progress)),
    scratch: (progress) => late.note(ofScratch(progress)),
    [Symbol.dispose]: () => {
      late.end()
      end()
    },
  }
}

/** Keeps what is noted until a second after the first, and passes the last of it on then as news. */
function afterQuiet(note: (step: Step) => void): Shown {
  let last: Step | undefined
  let timer: NodeJS.Timeout | undefined
  let isQuiet = true
  const speak = (): void => {
    isQuiet = false
    if (last) note({ ...last, isNews: true })
  }
  return {
    note: (step) => {
      last = step
      timer ??= setTimeout(speak, quietMs)
      if (!isQuiet) note(step)
    },
    end: () => clearTimeout(timer),
  }
}

interface Shown {
  readonly note: (step: Step) => void
  readonly end: () => void
}

function oneLine(out: ProgressStream): Shown {
  let [line, since] = ['', performance.now()]
  const draw = (): void => {
    const text = line === '' ? '' : `${line}, ${duration(performance.now() - since)}`
    out.write(`\r\u001b[K${text.slice(0, Math.max(out.columns - 1, 20))}`)
  }
  const timer = setInterval(draw, redrawMs)
  const note = ({ text }: Step): void => {
    if (text === line) return
    line = text
    since = performance.now()
    draw()
  }
  const end = (): void => {
    clearInterval(timer)
    line = ''
    draw()
  }
  return { note, end }
}

function manyLines(out: ProgressStream): Shown {
  const start = performance.now()
  let last = ''
  const remind = (): void => {
    if (last !== '') out.write(`${last}, ${duration(performance.now() - start)} since the start\n`)
  }
  // A minute after the last line, not each minute: what goes on by itself needs no reminder.
  const timer = setInterval(remind, reminderMs)
  const note = ({ text, isNews }: Step): void => {
    if (isNews && text !== last) {
      out.write(`${text}\n`)
      timer.refresh()
    }
    last = text
  }
  return { note, end: () => clearInterval(timer) }
}

const done = { up: 'applied', down: 'reverted' } as const

function ofMigration(progress: MigrationProgress): Step {
  if (progress.kind === 'waiting') {
    const { application = 'another process', pid } = progress.holder ?? {}
    const who = `${printable(application)}${pid === undefined ? '' : ` (pid ${pid})`}`
    return { text: `waiting for ${who}, which migrates`, isNews: true }
  }
  const { id } = progress.migration
  switch (progress.kind) {
    case 'begin':
      return { text: `${id} ${progress.direction}, ${progress.at} of ${progress.of}`, isNews: true }
    case 'statement':
      return { text: `${id}, statement ${progress.at} of ${progress.of} (line ${progress.line})`, isNews: false }
    case 'retry':
      return { text: `${id} met a lock and is run again, attempt ${progress.attempt}`, isNews: true }
    case 'end':
      return { text: `${id} ${done[progress.direction]} in ${duration(progress.durationMs)}`, isNews: true }
  }
}

/** Of a long history only one line a minute is written to a file. */
function ofScratch(progress: ScratchProgress): Step {
  if (progress.kind === 'open') return { text: 'opening a scratch database', isNews: false }
  const { migration, direction, at, of } = progress
  return { text: `on a scratch database: ${migration.id} ${direction}, ${at} of ${of}`, isNews: false }
}

/** A seed that counts nothing has a total of 0. */
function ofSeed({ id, done: count, total }: SeedProgress): Step {
  return { text: total > 0 ? `${id} ${bar(count, total)}` : id, isNews: count === 0 }
}

const barWidth = 24

function bar(count: number, total: number): string {
  const share = Math.min(Math.max(count / total, 0), 1)
  const full = Math.round(share * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${Math.floor(share * 100)} %`
}
