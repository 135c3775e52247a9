import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

export interface MailCatcher extends AsyncDisposable {
  /** smtp://127.0.0.1:port */
  readonly url: string
  /** The address of each mail that came, in their order. */
  readonly received: readonly string[]
  /** False: each mail is told to come later. */
  isTaking: boolean
}

/** An SMTP server that takes what comes. */
export async function startMailCatcher(): Promise<MailCatcher> {
  const received: string[] = []
  const taking = { isTaking: true }
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onMailFrom: (_address, _session, done) => {
      if (taking.isTaking) return done()
      return done(Object.assign(new Error('come later'), { responseCode: 451 }))
    },
    onData: (stream, session, done) => {
      text(stream).then(() => {
        received.push(...session.envelope.rcptTo.map(({ address }) => address))
        done()
      }, done)
    },
  })
  smtp.listen(0, '127.0.0.1')
  await once(smtp.server, 'listening')
  const address = smtp.server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return Object.assign(taking, {
    url: `smtp://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => smtp.close(resolve)),
  })
}
