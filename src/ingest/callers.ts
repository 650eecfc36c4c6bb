import { createHostRule } from '../domain/portal/host.ts'
import type { Config, PortalConfig } from '../platform/config.ts'
import { createSecretBook } from './credentials.ts'
import type { SecretBook } from './credentials.ts'
import type { Pins } from './pins.ts'
import type { Sender } from './translate.ts'

/** The first check that failed, for the log line alone; the caller sees one answer for all of them. */
export type Doubt = 'key' | 'secret' | 'token' | 'domain' | 'member_id'
export type Verdict = { readonly isGood: true, readonly portal: PortalConfig } | { readonly isGood: false, readonly doubt: Doubt }

/** Who may call, from the config alone: ingest recognises its callers while PostgreSQL is away. */
export interface Callers {
  /** Whether `key` is an ingest key. */
  hasKey (key: string): boolean
  hasSecret (secret: string): boolean
  /** A caller with an ingest key that names its portal by domain. */
  judgeKey (key: string, sender: Sender): Promise<Verdict>
  /** A portal by the secret in its address; a robot sends no `application_token` of its own, so none is asked of it. */
  judgeSecret (secret: string, sender: Sender, door: 'event' | 'robot'): Promise<Verdict>
}

/** Every check is done whichever fails, so the time does not say which it was. */
export function createCallers (config: Pick<Config, 'ingest' | 'portals' | 'allowed_domains'>, pins: Pins): Callers {
  const keys = createSecretBook(config.ingest.api_keys.map(entry => [entry.key, entry.name] as const))
  const secrets = createSecretBook(config.portals.flatMap(portal => portal.signal_secret === undefined ? [] : [[portal.signal_secret, portal] as const]))
  const tokens = new Map(config.portals.map(portal => [portal.name, createSecretBook(portal.application_tokens.map(token => [token, true] as const))]))
  const isAllowedHost = createHostRule(config.allowed_domains)
  const domains = new Set(config.portals.map(portal => portal.domain))
  const byDomain = portalsByDomain(config.portals)

  function hasGoodToken (portal: PortalConfig | null, token: string | null): boolean {
    const book: SecretBook<true> = tokens.get(portal?.name ?? '') ?? NO_TOKENS
    const isKnown = book.find(token ?? '') !== null
    return isKnown || portal === null || portal.application_tokens.length === 0
  }
  async function decide (portal: PortalConfig | null, sender: Sender, doubt: Doubt | null): Promise<Verdict> {
    const isPinned = pins.isFine(portal?.name ?? '', sender.memberId)
    if (doubt !== null || portal === null) return { isGood: false, doubt: doubt ?? 'domain' }
    if (!isPinned) return { isGood: false, doubt: 'member_id' }
    // Learned only here, after everything else was found good.
    const isOwn = sender.memberId === null || await pins.learn(portal.name, sender.memberId)
    return isOwn ? { isGood: true, portal } : { isGood: false, doubt: 'member_id' }
  }
  return {
    hasKey: key => keys.find(key) !== null,
    hasSecret: secret => secrets.find(secret) !== null,
    judgeKey (key, sender) {
      const isKnown = keys.find(key) !== null
      const portal = byDomain.get(sender.domain ?? '') ?? null
      const isGoodToken = hasGoodToken(portal, sender.token) || sender.token === null
      return decide(portal, sender, !isKnown ? 'key' : isGoodToken ? null : 'token')
    },
    judgeSecret (secret, sender, door) {
      const portal = secrets.find(secret)
      const isGoodToken = hasGoodToken(portal, sender.token) || door === 'robot'
      const isGoodDomain = sender.domain === null || domains.has(sender.domain) || isAllowedHost(sender.domain)
      return decide(portal, sender, portal === null ? 'secret' : !isGoodToken ? 'token' : isGoodDomain ? null : 'domain')
    }
  }
}

const NO_TOKENS = createSecretBook<true>([])

/** A source wins over a target of the same domain: only a source has something to say. */
function portalsByDomain (portals: readonly PortalConfig[]): Map<string, PortalConfig> {
  const found = new Map<string, PortalConfig>()
  for (const portal of portals) {
    const known = found.get(portal.domain)
    if (known === undefined || (known.role === 'target' && portal.role !== 'target')) found.set(portal.domain, portal)
  }
  return found
}
