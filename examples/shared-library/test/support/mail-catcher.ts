import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

export interface MailCatcher extends AsyncDisposable {
  /** smtp://127.0.0.1:port */
  readonly url: string
  /** The address of each mail that came, in their order. */
  readonly received: readonly string[]
}

/** An SMTP server that takes everything. */
export async function startMailCatcher(): Promise<MailCatcher> {
  const received: string[] = []
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
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
  return {
    url: `smtp://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: () => new Promise((resolve) => smtp.close(resolve)),
  }
}
