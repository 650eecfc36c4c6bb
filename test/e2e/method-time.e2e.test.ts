import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { sendOnce } from '../support/sender.ts'
import { startSystem } from '../support/system.ts'

const WAVES = 8
const WAVE = 5

test('while the target\'s time for creates is used up, deals that arrive cost no refused request, and all land after it', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t)
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal('main')]
  acme.setWebhooks([])
  await system.run('all')
  main.fault({ where: 'limit', mode: 'operating', method: 'crm.item.add' })
  const arrive = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) assert.ok(await sendOnce(system.ingest, 'acme', acme.create({ TITLE: `d${i}`, STAGE_ID: 'C1:NEW', CATEGORY_ID: 1 })))
  }
  await arrive(1)
  await eventually(() => main.stats().throttled === 1, { deadlineMs: 30_000 })
  for (let wave = 0; wave < WAVES; wave++) {
    const before = acme.stats().requests
    await arrive(WAVE)
    await eventually(() => acme.stats().requests > before, { deadlineMs: 10_000 })
  }
  main.clearFaults()
  const { ends } = await system.settled(1 + WAVES * WAVE, 90_000)
  assert.deepEqual([ends['applied'], main.deals().length, main.stats().throttled], [1 + WAVES * WAVE, 1 + WAVES * WAVE, 1])
})
