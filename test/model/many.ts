// Plays the scenarios of the transfer's model against the real dispatcher with many seeds. By hand; `npm test` plays a few.
//
//   npm run faults:model -- [--seeds 50] [--first 1] [--scenario NAME]
import { parseArgs } from 'node:util'
import { play } from './play.ts'
import { SCENARIOS } from './scenarios.ts'
import { openStage } from './stage.ts'

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '50' }, first: { type: 'string', default: '1' }, scenario: { type: 'string' } } })
const endings: (() => unknown)[] = []
let failures = 0
try {
  const stage = await openStage({ after: (end) => { endings.push(end) } })
  for (const scenario of SCENARIOS.filter(({ name }) => values.scenario === undefined || name === values.scenario)) {
    const began = process.hrtime.bigint()
    let [steps, broken] = [0, 0]
    for (let n = 0; n < Number(values.seeds); n += 1) {
      const seed = Number(values.first) + n
      const played = await play({ stage, scenario, seed, bug: {} })
      steps += played.trace.length
      if (played.broken === null) continue
      broken += 1
      process.stdout.write(`${scenario.name}, seed ${seed}: ${played.broken}\n${played.trace.slice(-Number(process.env['TRACE'] ?? '60')).map(line => `  ${line}`).join('\n')}\n`)
    }
    failures += broken
    process.stdout.write(`${JSON.stringify({ scenario: scenario.name, seeds: Number(values.seeds), steps, broken, seconds: Number((process.hrtime.bigint() - began) / 1_000_000n) / 1000 })}\n`)
  }
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit(failures === 0 ? 0 : 1)
