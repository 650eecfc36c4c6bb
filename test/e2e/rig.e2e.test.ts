import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { noSecret } from '../oracles/i14-no-secret.ts'
import { startCampaign } from '../rig/campaign.ts'
import { SHORT } from '../rig/times.ts'
import { seedOf } from '../support/seed.ts'

// Seen once: all was done, and Node.js spun for ever while it freed its handles. An exit that is asked for frees none.
process.once('exit', code => process.exit(code))

test('under the faults of a seed nothing is lost, doubled, out of order or taken back, and the signals add up', { timeout: 290_000 }, async (t) => {
  const seed = seedOf(t)
  const campaign = await startCampaign({ times: SHORT, say: line => t.diagnostic(line) })
  t.after(() => campaign.end())
  const result = await campaign.seed(seed, { forMs: 12_000, perSecond: 10 })
  assert.deepEqual(result.findings, [])
  assert.deepEqual(await campaign.finish(), [])
  // The same search finds them all where they do stand.
  const inConfigs = noSecret([path.join(campaign.system.dir, 'config')], campaign.system.canaries).map(each => each.what)
  assert.deepEqual(Object.keys(campaign.system.canaries).filter(name => !inConfigs.includes(`holds ${name} in plain`)), [])
  assert.ok(result.saves > 50 && result.signals > 50 && result.fired.length === result.plan.length, JSON.stringify(result))
})
