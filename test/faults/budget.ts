// A backlog on the limits of a real portal, with Redis emptied and a dispatcher killed on the way; ends with 1 when anything was refused.
//
//   npm run faults:budget     about three minutes
//   … -- --deals 1500 --seed 1
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { workOffBacklog } from '../rig/backlog.ts'
import { createChance } from '../support/chance.ts'
import { machineName, saveBudget } from './results.ts'

const { values } = parseArgs({ options: { deals: { type: 'string', default: '1500' }, seed: { type: 'string', default: '1' } } })
const began = Date.now()
const result = await workOffBacklog({ deals: Number(values.deals), chance: createChance(Number(values.seed)), say: line => process.stderr.write(`${line}\n`) })
const file = saveBudget({
  ...result, command: `npm run faults:budget -- --deals ${values.deals} --seed ${values.seed}`, at: new Date(began).toISOString(),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(), machine: machineName(), seconds: Math.round((Date.now() - began) / 1000)
})
process.stdout.write(`${JSON.stringify({ ...result, file })}\n`)
process.exit(result.findings.length === 0 ? 0 : 1)
