import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededChance } from '../../simulator/faults.ts'
import { createOperating as createPortalSeconds } from '../../simulator/limits.ts'
import { seedOf } from '../../test/support/seed.ts'
import { createOperating } from './operating.ts'

const METHOD = 'crm.item.add'
const LIMIT_S = 480
const WINDOWS = 6
const SLOT_MS = 515
const IN_FLIGHT = 4
const LOAD = 50
const SEEDS = 20

/**
 * An hour of backlog in virtual time: a load each slot, up to four under way, calls of a mean length between 20 ms and 1 s that
 * differ by up to 60 %, against the portal's ten baskets. `roomOf` decides how many calls a load holds.
 */
function hour (seed: number, roomOf: (room: number) => number): { refused: number, used: number } {
  const chance = seededChance(seed)
  let now = 1e12
  const portal = createPortalSeconds(() => now)
  const operating = createOperating({ limitSeconds: LIMIT_S, clock: () => now })
  const events: { at: number, run: () => void }[] = []
  const later = (ms: number, run: () => void): void => { events.push({ at: now + ms, run }) }
  const meanMs = 20 + chance() * 980
  let [refused, seconds, underWay] = [0, 0, 0]

  function load (count: number): void {
    const end = operating.begin(Array.from({ length: count }, () => METHOD))
    const answers: (() => void)[] = []
    underWay += 1
    const next = (left: number): void => {
      if (left === 0) { answers.forEach((answer) => { answer() }); end(); underWay -= 1; return }
      if (portal.blocked('we', METHOD, LIMIT_S)) { refused += 1; next(left - 1); return }
      const tookMs = meanMs * (0.4 + chance() * 1.2)
      later(tookMs, () => {
        portal.charge('we', METHOD, tookMs / 1000)
        seconds += tookMs / 1000
        const told = portal.fields('we', METHOD)
        const time = { operating: told.operating, resetInMs: told.operating_reset_at * 1000 - now, tookMs }
        answers.push(() => operating.note(METHOD, time))
        next(left - 1)
      })
    }
    next(count)
  }
  const slot = (): void => {
    const count = operating.heldMs(METHOD) > 0 ? roomOf(0) : Math.min(LOAD, roomOf(operating.room(METHOD)))
    if (count > 0 && underWay < IN_FLIGHT) load(count)
    later(SLOT_MS, slot)
  }
  slot()
  for (const end = now + WINDOWS * 600_000; now < end;) {
    const next = events.reduce((a, b) => b.at < a.at ? b : a)
    events.splice(events.indexOf(next), 1)
    now = next.at
    next.run()
  }
  return { refused, used: seconds / (WINDOWS * LIMIT_S) }
}

test('where a method\'s seconds are what limits, 95 % of them and more are used in an hour, and no call is refused, for 20 seeds', (t) => {
  const first = seedOf(t)
  const runs = Array.from({ length: SEEDS }, (_, i) => ({ seed: first + i, ...hour(first + i, room => room) }))
  for (const { seed, refused, used } of runs) assert.ok(refused === 0 && used >= 0.95, `seed ${seed}: ${refused} refused, ${used} used`)
  t.diagnostic(`least used: ${Math.min(...runs.map(run => run.used)).toFixed(3)}`)
})

test('planted bug: a program that does not hold a method before the portal refuses is refused', (t) => {
  assert.ok(hour(seedOf(t), () => LOAD).refused > 0, 'the planted bug was not caught')
})
