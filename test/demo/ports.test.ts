import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freeBase } from '../../demo/ports.ts'

test('two checkouts look for ports at different places, one checkout always at the same', async () => {
  const [one, again, other] = [await freeBase('/a'), await freeBase('/a'), await freeBase('/b')]
  assert.equal(again, one)
  assert.notEqual(other, one)
})

test('a place of which one port is taken is passed over', async (t) => {
  const base = await freeBase('/a')
  const server = createServer()
  t.after(() => { server.close() })
  await new Promise<void>((resolve) => { server.listen(base + 73, '127.0.0.1', resolve) })
  assert.notEqual(await freeBase('/a'), base)
})
