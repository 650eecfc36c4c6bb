import type { Ask } from './deadline.ts'

/** What the read side knows about a deal; asked only to fill `target_deal_id`, so it may be away or slow. */
export interface LinkReader {
  /** The id of the target deal that stands for this one, or null. */
  findLink (portal: string, dealId: string): Promise<string | null>
  /** Whether the signal at `offset` of the deal's partition has come to its end, and in which target deal. */
  findLanded (portal: string, dealId: string, offset: bigint): Promise<{ readonly ended: boolean, readonly targetDealId: string | null }>
}

const POLL_MS = 100

/**
 * Asks every 100 ms until the deal has landed, `isOver` says so, or `waitMs` are gone; then what is known.
 *
 * `offset` null (nothing was appended, since the log holds it already) waits until the deal stands in any target deal.
 */
export async function waitForLanding (options: { links: LinkReader, ask: Ask, portal: string, dealId: string, offset: bigint | null, waitMs: number, isOver: () => boolean }): Promise<string | null> {
  const { links, ask, portal, dealId, offset } = options
  for (let leftMs = options.waitMs; leftMs > 0 && !options.isOver(); leftMs -= POLL_MS) {
    const askedAt = performance.now()
    const landed = await ask(() => offset === null ? findAny(links, portal, dealId) : links.findLanded(portal, dealId, offset))
    if (landed?.ended === true) return landed.targetDealId
    const spentMs = performance.now() - askedAt
    leftMs -= Math.max(0, spentMs - POLL_MS)
    await new Promise(resolve => setTimeout(resolve, Math.max(0, Math.min(leftMs, POLL_MS) - spentMs)))
  }
  return await ask(() => links.findLink(portal, dealId))
}

async function findAny (links: LinkReader, portal: string, dealId: string): ReturnType<LinkReader['findLanded']> {
  const targetDealId = await links.findLink(portal, dealId)
  return { ended: targetDealId !== null, targetDealId }
}
