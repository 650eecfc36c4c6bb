// npm run faults:limiter [NAME]: every scenario and every planted bug of the limiter with SEEDS seeds of MINUTES virtual minutes each
// (20 and 5), against a strict bucket. Prints a table; ends with 1 when a scenario does not hold or a bug is not seen.
import { randomUUID } from 'node:crypto'
import { createLogger } from '../../src/platform/logger.ts'
import { createRedis } from '../../src/platform/redis.ts'
import { eventually } from '../support/eventually.ts'
import { PLANTED, SCENARIOS } from '../support/limiter-scenarios.ts'
import { World } from '../support/limiter-world.ts'
import type { Rules, Scenario, Verdict } from '../support/limiter-world.ts'
import { services } from '../support/services.ts'

const SEEDS = Number(process.env['SEEDS'] ?? '20')
const MINUTES = Number(process.env['MINUTES'] ?? '5')
const FIRST_SEED = Number(process.env['DEALBRIDGE_TEST_SEED'] ?? '1')
const only = process.argv[2]

const redis = createRedis((await services()).redis, createLogger('faults', 'error'))
await eventually(() => redis.status === 'ready')
let isGood = true
print('scenario', 'sent', 'refused', 'highest', 'least used', '')
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (only !== undefined && only !== name) continue
  const sum = await series(scenario)
  const holds = sum.refused <= sum.sent * (scenario.mayRefuse ?? 0) && (scenario.uses !== true || sum.used >= 0.95)
  isGood &&= holds
  print(name, String(sum.sent), String(sum.refused), sum.highest.toFixed(1), scenario.demand === undefined ? `${(100 * sum.used).toFixed(1)} %` : '-', holds ? 'holds' : 'FAILS')
}
for (const [name, { scenario, rules }] of Object.entries(PLANTED)) {
  const played = SCENARIOS[scenario]
  if (played === undefined || (only !== undefined && only !== name)) continue
  const sum = await series(played, rules)
  const isSeen = sum.refused > sum.sent * (played.mayRefuse ?? 0)
  isGood &&= isSeen
  print(`planted: ${name}`, String(sum.sent), String(sum.refused), sum.highest.toFixed(1), '-', isSeen ? 'seen' : 'NOT SEEN')
}
redis.disconnect()
process.exit(isGood ? 0 : 1)

/** The sums over all seeds; `used` is that of the worst. */
async function series (scenario: Scenario, rules: Rules = {}): Promise<Verdict> {
  let sum: Verdict = { sent: 0, refused: 0, highest: 0, used: Infinity }
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const one = await new World(redis, { scenario, rules, seed, key: `limit:{${randomUUID()}}` }).play(MINUTES)
    sum = { sent: sum.sent + one.sent, refused: sum.refused + one.refused, highest: Math.max(sum.highest, one.highest), used: Math.min(sum.used, one.used) }
  }
  return sum
}

function print (...cells: string[]): void {
  process.stdout.write(`| ${cells.map((cell, i) => i === 0 ? cell.padEnd(42) : cell.padStart(8)).join(' | ')} |\n`)
}
