import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startFaultProxy } from '../../test/rig/fault-proxy.ts'
import { freshDatabase } from '../../test/support/services.ts'
import { createLogger } from './logger.ts'
import { createPool, inTransaction } from './postgres.ts'

test('a connection that breaks in the hands of a transaction fails that transaction and not the process', async (t) => {
  const url = new URL(await freshDatabase(t))
  const proxy = await startFaultProxy({ target: Number(url.port) })
  t.after(() => proxy.close())
  url.port = String(proxy.port)
  const pool = createPool(url.href, { name: 'test', logger: createLogger('test', 'error') })
  t.after(() => pool.end())
  let cut = 0
  for (const mode of ['rst', 'fin'] as const) {
    await assert.rejects(inTransaction(pool, async (client) => {
      await client.query('select 1')
      proxy.cut(mode)
      cut += 1
      // Between two statements nobody asks for anything: the break is an event of the connection alone.
      await new Promise(resolve => client.once('end', resolve))
      await client.query('select 2')
    }))
  }
  assert.equal(cut, 2)
  assert.equal((await pool.query('select 3 as three')).rows.length, 1)
})
