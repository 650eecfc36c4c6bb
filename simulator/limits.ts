/** One leaky bucket per source address: one request adds one, `perSecond` drain, above `burst` the portal refuses. */
export interface Buckets {
  take: (address: string, limits: { per_second: number, burst: number }, refusedFills: boolean) => { accepted: boolean, level: number }
  fill: (address: string, level: number) => void
  /** Requests of somebody else behind the same address; those above the burst are refused to them. */
  foreign: (address: string, requests: number, limits: { per_second: number, burst: number }) => void
  highest: () => number
  clear: () => void
}

export function createBuckets (now: () => number): Buckets {
  const levels = new Map<string, { level: number, at: number }>()
  let highest = 0
  const drained = (address: string, perSecond: number): number => {
    const last = levels.get(address)
    return last === undefined ? 0 : Math.max(0, last.level - (now() - last.at) / 1000 * perSecond)
  }
  return {
    take: (address, limits, refusedFills) => {
      const level = drained(address, limits.per_second)
      const accepted = level + 1 <= limits.burst
      const after = accepted || refusedFills ? level + 1 : level
      levels.set(address, { level: after, at: now() })
      highest = Math.max(highest, after)
      return { accepted, level: after }
    },
    foreign: (address, requests, limits) => {
      const level = Math.min(limits.burst, drained(address, limits.per_second) + requests)
      levels.set(address, { level, at: now() })
      highest = Math.max(highest, level)
    },
    fill: (address, level) => { levels.set(address, { level, at: now() }) },
    highest: () => highest,
    clear: () => { levels.clear(); highest = 0 }
  }
}

/** Run time per method in ten one-minute baskets. `blocked` is asked before a call, so the crossing call completes. */
export interface Operating {
  blocked: (client: string, method: string, limitSeconds: number) => boolean
  charge: (client: string, method: string, seconds: number) => void
  fields: (client: string, method: string) => { operating_reset_at: number, operating: number }
  clear: () => void
}

export function createOperating (now: () => number): Operating {
  const baskets = new Map<string, { minute: number, firstAt: number, seconds: number }[]>()
  const key = (client: string, method: string): string => `${client} ${method}`
  const current = (client: string, method: string): { minute: number, firstAt: number, seconds: number }[] => {
    const kept = (baskets.get(key(client, method)) ?? []).filter(basket => basket.firstAt + 600_000 > now())
    baskets.set(key(client, method), kept)
    return kept
  }
  const sum = (client: string, method: string): number => current(client, method).reduce((total, basket) => total + basket.seconds, 0)
  return {
    blocked: (client, method, limitSeconds) => sum(client, method) > limitSeconds,
    charge: (client, method, seconds) => {
      const own = current(client, method)
      const minute = Math.floor(now() / 60_000)
      const last = own.at(-1)
      if (last?.minute === minute) last.seconds += seconds
      else own.push({ minute, firstAt: now(), seconds })
    },
    fields: (client, method) => ({
      operating_reset_at: Math.floor((current(client, method)[0]?.firstAt ?? now()) / 1000) + 600,
      operating: sum(client, method)
    }),
    clear: () => { baskets.clear() }
  }
}
