import { createLogger } from '../../src/platform/logger.ts'
import { migrate } from '../../src/platform/migrations.ts'
import { createPool } from '../../src/platform/postgres.ts'
import { freshDatabase } from '../support/services.ts'
import type { Holder } from '../support/system.ts'
import type { Stage } from './facts.ts'
import { prepareDatabase } from './virtual-time.ts'

const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname

/** A database whose `now()` is the play's; it is dropped with the test. */
export async function openStage (t: Holder): Promise<Stage> {
  const url = await freshDatabase(t)
  const logger = createLogger('model', 'error')
  const first = createPool(url, { name: 'first', logger, max: 1 })
  await migrate(first, MIGRATIONS)
  await prepareDatabase(first)
  await first.end()
  const [admin, clock] = [createPool(url, { name: 'admin', logger, max: 2 }), createPool(url, { name: 'clock', logger, max: 1 })]
  t.after(async () => { await admin.end(); await clock.end() })
  return { url, admin, clock }
}
