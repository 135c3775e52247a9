import type { MigrationProgress } from 'plinth/migrate'
import { duration } from '../terminal/table.ts'

export interface Progress extends Disposable {
  readonly note: (progress: MigrationProgress) => void
}

const redrawMs = 200

/** One line on the terminal that is gone when the work has ended. In a file or a pipe there is none. */
export function showProgress(out: NodeJS.WriteStream = process.stderr): Progress {
  if (!out.isTTY) return { note: () => undefined, [Symbol.dispose]: () => undefined }
  let [line, since] = ['', performance.now()]
  const draw = (): void => {
    const text = line === '' ? '' : `${line}, ${duration(performance.now() - since)}`
    out.write(`\r\u001b[K${text.slice(0, Math.max(out.columns - 1, 20))}`)
  }
  const timer = setInterval(draw, redrawMs)
  return {
    note: (progress) => {
      const next = describe(progress)
      if (next === line) return
      line = next
      since = performance.now()
      draw()
    },
    [Symbol.dispose]: () => {
      clearInterval(timer)
      line = ''
      draw()
    },
  }
}

function describe(progress: MigrationProgress): string {
  if (progress.kind === 'waiting') {
    const { application = 'another process', pid } = progress.holder ?? {}
    return `waiting for ${application}${pid === undefined ? '' : ` (pid ${pid})`}, which migrates`
  }
  const { id } = progress.migration
  if (progress.kind === 'begin') return `${id} ${progress.direction}, ${progress.at} of ${progress.of}`
  if (progress.kind === 'statement') return `${id}, statement ${progress.at} of ${progress.of} (line ${progress.line})`
  if (progress.kind === 'retry') return `${id} met a lock and is run again, attempt ${progress.attempt}`
  return ''
}
