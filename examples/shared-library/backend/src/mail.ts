import { setting } from '@example/database'
import { createTransport } from 'nodemailer'

interface Mail {
  readonly messageId: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

const from = 'Shared library <hello@shared-library.example>'
const smtpUrl = setting('SMTP_URL', '')
/** Within the 60 s of an attempt of the task: one that goes on behind them would send the mail beside the next. */
const limits = { connectionTimeout: 5000, greetingTimeout: 5000, socketTimeout: 15_000 }
const transport = smtpUrl === '' ? undefined : createTransport({ url: smtpUrl, ...limits })

/** By SMTP_URL; without one the mail is printed. Resolves when the mail server has taken it over. */
export async function sendMail(mail: Mail): Promise<void> {
  if (transport) await transport.sendMail({ from, ...mail })
  else console.log(`mail to ${mail.to}: ${mail.text}`)
}
