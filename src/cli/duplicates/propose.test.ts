import assert from 'node:assert/strict'
import { test } from 'node:test'
import { propose } from './propose.ts'

test('the copy that dealbridge keeps in step stays, whichever it is', () => {
  assert.deepEqual(propose({ ids: ['5', '7', '9'], link: '7' }), { keep: '7', others: ['5', '9'], why: 'linked' })
})

test('without a known link, or with one that is gone, the oldest stays', () => {
  for (const link of [null, '3']) assert.deepEqual(propose({ ids: ['5', '7'], link }), { keep: '5', others: ['7'], why: 'oldest' })
})
