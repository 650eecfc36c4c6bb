import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILPOINTS } from '../../src/platform/failpoint.ts'
import { createChance } from '../support/chance.ts'
import { seedOf } from '../support/seed.ts'
import { AIMS, environmentsOf, occurrenceOf, roundsOf } from './aims.ts'
import type { Shot } from './aims.ts'

test('every named place is aimed at, once', () => {
  assert.deepEqual(AIMS.map(aim => aim.point).toSorted(), FAILPOINTS.toSorted())
})

test('a late passing comes after the second and before the last, and a place that is passed too seldom has none', (t) => {
  const chance = createChance(seedOf(t))
  for (let passed = 3; passed < 100; passed += 1) {
    const late = occurrenceOf('late', passed, chance) ?? 0
    assert.ok(late >= 3 && (late < passed || passed === 3), `${late} of ${passed}`)
  }
  assert.deepEqual([occurrenceOf('late', 2, chance), occurrenceOf('second', 1, chance), occurrenceOf('first', 0, chance)], [null, null, 1])
})

test('a round kills each kind of process at one place, and has up to three errors in each; none is left out', () => {
  for (const [action, most] of [['kill', 1], ['throw', 3]] as const) {
    const shots = AIMS.map((aim): Shot => ({ aim, action, which: 'first', occurrence: 1 }))
    const rounds = roundsOf(shots)
    assert.deepEqual(new Set(rounds.flat()), new Set(shots))
    assert.equal(Math.max(...rounds.flatMap(round => [...Map.groupBy(round, shot => shot.aim.process).values()].map(all => all.length))), most)
    for (const round of rounds) for (const { FAILPOINTS: text } of environmentsOf(round).values()) assert.match(text ?? '', /^K\d+:1:\w+(,K\d+:1:\w+){0,2}$/)
  }
})
