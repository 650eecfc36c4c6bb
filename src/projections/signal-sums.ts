import { Gauge } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'
import type { Queryable } from '../platform/postgres.ts'
import { sumByPortal } from './deal/read.ts'

const WHAT = ['signals', 'open', 'applied', 'unchanged', 'superseded', 'skipped', 'parked'] as const
// Longer than the statement takes with a million deals; a scrape must not hang on a database that is away.
const PATIENCE_MS = 2000

/**
 * Registers `dealbridge_signals{portal, what}`: in each scrape `signals` is the sum of `open` and the five ends, portal by portal,
 * since all come from one statement over the read models. While PostgreSQL does not answer, the last values stay.
 */
export function registerSignalSums (registry: Registry, pool: Queryable): void {
  let asking: Promise<unknown> | undefined
  new Gauge({
    name: 'dealbridge_signals',
    help: 'Signals in the read models, and what became of them: signals = open + applied + unchanged + superseded + skipped + parked',
    labelNames: ['portal', 'what'],
    registers: [registry],
    async collect () {
      asking ??= sumByPortal(pool, null)
        .then((sums) => { for (const row of sums) for (const what of WHAT) this.set({ portal: row.portal, what }, Number(row[what])) }, () => undefined)
        .finally(() => { asking = undefined })
      let timer: NodeJS.Timeout | undefined
      await Promise.race([asking, new Promise((resolve) => { timer = setTimeout(resolve, PATIENCE_MS) })]).finally(() => clearTimeout(timer))
    }
  })
}
