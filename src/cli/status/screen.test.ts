import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Status } from './gather.ts'
import { jsonOfStatus, linesOfStatus } from './screen.ts'

const NOW = new Date(2026, 10, 24, 14, 0).getTime()
const NOTHING: Status = { sums: null, states: null, parked: null, backlog: null, lag: null, budget: null, portals: null, away: [] }
const status: Status = {
  ...NOTHING,
  backlog: [
    { portal: 'acme', deals: 5000n, forecast: { kind: 'clears', at: new Date(2026, 10, 24, 14, 20).getTime() } },
    { portal: 'beta', deals: 9n, forecast: { kind: 'clears', at: new Date(2026, 10, 25, 9, 5).getTime() } },
    { portal: 'quiet', deals: 1n, forecast: { kind: 'stuck' } }
  ]
}

test('the screen says when each backlog clears, in the time of this machine, and says so where nothing moves', () => {
  assert.deepEqual(linesOfStatus(status, NOW), [
    'Backlog   acme: 5000 deals, clears at 14:20',
    '          beta: 9 deals, clears at 2026-11-25 09:05',
    '          quiet: 1 deal, none of which came to an end in the last two minutes: no forecast'
  ])
})

test('a portal that is not called has a line that says why, since when and what to do, and one that works has none', () => {
  const portals: Status['portals'] = new Map([
    ['acme', { state: 'works' }], ['beta', { state: 'failing', since: NOW - 120_000 }], ['new', null],
    ['main', { state: 'stopped', since: NOW - 3_600_000, code: 'no_auth_found', detail: 'NO_AUTH_FOUND: Wrong authorization data' }]
  ])
  assert.deepEqual(linesOfStatus({ ...NOTHING, portals }, NOW), [
    'Portals   beta: does not answer, or only with errors, for 2 min; its deals wait, and it is used again as soon as a probe succeeds.',
    '          main: refuses everything for 60 min; its deals wait, and it is used again as soon as a probe succeeds. It says NO_AUTH_FOUND: Wrong authorization data. Check rest_url of this portal in the config: the webhook was deleted, or belongs to somebody who may no longer use it.'
  ])
  assert.deepEqual((jsonOfStatus({ ...NOTHING, portals }) as { portals: unknown }).portals, {
    acme: { state: 'works' }, beta: { state: 'failing', since: new Date(NOW - 120_000).toISOString() }, new: { state: 'unknown' },
    main: { state: 'stopped', since: new Date(NOW - 3_600_000).toISOString(), code: 'no_auth_found', detail: 'NO_AUTH_FOUND: Wrong authorization data' }
  })
})

test('the JSON has the moment in RFC 3339, null without a forecast, and nothing for a portal without a backlog', () => {
  const { backlog } = jsonOfStatus(status) as { backlog: unknown }
  assert.deepEqual(backlog, { acme: { deals: 5000, clears_at: new Date(2026, 10, 24, 14, 20).toISOString() }, beta: { deals: 9, clears_at: new Date(2026, 10, 25, 9, 5).toISOString() }, quiet: { deals: 1, clears_at: null } })
  assert.deepEqual(linesOfStatus(NOTHING, NOW), [])
})
