import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noCounts } from '../../sweep/work.ts'
import { createSweepProgress, forecastLine, visitLine } from './show.ts'

const FORECAST = { total: 12_000, listed: 4900, signalled: 4000, ended: 1500, perSecond: 24.04, etaSeconds: 401 }

test('a line tells how far the full pass and its backfill are, and when they end', () => {
  assert.equal(forecastLine('acme', FORECAST), 'acme: 4900 of 12000 deals looked at, 4000 signalled as there from before, 1500 of them ended, 24.0 a second, 7 min left')
  assert.match(forecastLine('acme', { ...FORECAST, etaSeconds: 4000 }), /1 h 7 min left$/)
  assert.match(forecastLine('acme', { ...FORECAST, total: null, etaSeconds: null }), /^acme: 4900 deals .* no end in sight yet$/)
})

test('progress is said every three seconds, and the last state is kept whether it was said or not', () => {
  let at = 0
  const lines: string[] = []
  const progress = createSweepProgress({ write: line => lines.push(line) }, () => at)
  for (; at <= 10_000; at += 500) progress.told('acme', { ...FORECAST, listed: at })
  assert.deepEqual(lines.map(line => /: (\d+)/.exec(line)?.[1]), ['3000', '6000', '9000'])
  assert.deepEqual([progress.last('acme')?.listed, progress.last('beta')], [10_000, null])
})

test('absent deals that were not signalled come with what to do', () => {
  const visited = { portal: 'acme', result: 'done', code: null, counts: { ...noCounts(), absent: 60 } } as const
  assert.match(visitLine('acme', visited), /60 are absent.*--full --yes$/)
  assert.doesNotMatch(visitLine('acme', { ...visited, counts: noCounts() }), /absent/)
  assert.equal(visitLine('acme', null), 'acme: busy, another process has it in hand')
})
