import type { Chance } from '../support/chance.ts'
import type { Strange } from './evidence.ts'
import { SOURCES } from './names.ts'
import type { RigSystem } from './system.ts'

/** Those who do not know the secrets, or know half of them. They come through the same doors as the portals. */
export interface Strangers {
  /** Sends one webhook; never throws. */
  act (chance: Chance): Promise<void>
  readonly sent: () => readonly Strange[]
}

const FIRST_ID = 80_000_000
const PATIENCE_MS = 10_000

export function createStrangers (system: Pick<RigSystem, 'canaries' | 'webhookPorts'>): Strangers {
  const sent: { -readonly [K in keyof Strange]: Strange[K] }[] = []
  const secret = (name: string): string => system.canaries[name] ?? ''
  return {
    sent: () => sent,
    async act (chance) {
      const portal = chance.pick(SOURCES)
      const other = SOURCES.find(name => name !== portal) ?? portal
      const [what, path, token] = chance.pick([
        ['a wrong token', secret(`${portal} signal`), 'f'.repeat(32)], ['no token', secret(`${portal} signal`), null],
        ['another portal\'s token', secret(`${portal} signal`), secret(`${other} token`)], ['a wrong secret', 'e'.repeat(32), secret(`${portal} token`)],
        ['its token in place of the secret', secret(`${portal} token`), secret(`${portal} token`)]
      ] as const)
      const strange = { what, dealId: String(FIRST_ID + sent.length), at: Date.now(), status: 0 }
      sent.push(strange)
      const body = new URLSearchParams({
        event: 'ONCRMDEALUPDATE', 'data[FIELDS][ID]': strange.dealId, ts: String(Math.floor(strange.at / 1000)), 'auth[domain]': `${portal}.bitrix24.ru`,
        ...token === null ? {} : { 'auth[application_token]': token }
      })
      const url = `http://127.0.0.1:${chance.pick(system.webhookPorts)}/webhook/bitrix24/${path}`
      strange.status = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(PATIENCE_MS) }).then(async (response) => { await response.arrayBuffer(); return response.status }, () => 0)
    }
  }
}
