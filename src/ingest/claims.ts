import type { Redis } from '../platform/redis.ts'

/** The few things asked of Redis, all of which may fail: nothing that must survive is kept there. */
export interface Claims {
  /** Takes `key` for `seconds`; false when somebody has it. */
  take (key: string, seconds: number): Promise<boolean>
  /** Marks `key` as done, for `seconds` from now. */
  settle (key: string, seconds: number): Promise<void>
  release (key: string): Promise<void>
  stateOf (key: string): Promise<'free' | 'taken' | 'settled'>
  /** What Redis uses of memory, for the gauge of the specification. */
  memoryBytes (): Promise<number>
}

/** Claims as `SET NX EX`, one command each; the client pipelines what is asked in one turn of the event loop. */
export function createRedisClaims (redis: Redis): Claims {
  return {
    take: async (key, seconds) => await redis.set(key, 'processing', 'EX', seconds, 'NX') === 'OK',
    settle: async (key, seconds) => { await redis.set(key, 'done', 'EX', seconds) },
    release: async (key) => { await redis.del(key) },
    async stateOf (key) {
      const value = await redis.get(key)
      return value === null ? 'free' : value === 'done' ? 'settled' : 'taken'
    },
    async memoryBytes () {
      const used = /^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]
      if (used === undefined) throw new Error('INFO memory names no used_memory')
      return Number(used)
    }
  }
}

/** The same in memory, of one process; passes the suite of the real one. */
export function createMemoryClaims (nowMs: () => number): Claims {
  const held = new Map<string, { isDone: boolean, until: number }>()
  const current = (key: string): { isDone: boolean, until: number } | undefined => {
    const claim = held.get(key)
    return claim !== undefined && claim.until > nowMs() ? claim : undefined
  }
  return {
    take (key, seconds) {
      if (current(key) !== undefined) return Promise.resolve(false)
      held.set(key, { isDone: false, until: nowMs() + seconds * 1000 })
      return Promise.resolve(true)
    },
    settle (key, seconds) { held.set(key, { isDone: true, until: nowMs() + seconds * 1000 }); return Promise.resolve() },
    release (key) { held.delete(key); return Promise.resolve() },
    stateOf (key) {
      const claim = current(key)
      return Promise.resolve(claim === undefined ? 'free' : claim.isDone ? 'settled' : 'taken')
    },
    memoryBytes: () => Promise.resolve(held.size * 100)
  }
}
