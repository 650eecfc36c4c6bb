// The campaigns that are run by hand. Each prints its schedule as JSON lines on standard error, and one JSON object at the end.
//
//   npm run faults            20 seeds and then single faults, each by itself: about 25 minutes
//   npm run faults:night      many seeds with the times of real portals, for hours
//   … -- --seeds 5 --first 7 --seconds 25 --rate 12
//   … -- --seeds 0            the single faults alone
//   … -- --clock-library FILE where libfaketime.so is, when not where its Debian package puts it
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { createChance } from '../support/chance.ts'
import { findFakeClock } from '../rig/fake-clock.ts'
import { startCampaign } from '../rig/campaign.ts'
import type { SeedResult } from '../rig/campaign.ts'
import type { Finding } from '../rig/evidence.ts'
import type { StormResult } from '../rig/storm.ts'
import { SHORT, TRUE_TO_LIFE } from '../rig/times.ts'
import { machineName, saveResult } from './results.ts'
import { singles } from './singles.ts'

const { values } = parseArgs({ options: { night: { type: 'boolean' }, seeds: { type: 'string' }, first: { type: 'string', default: '1' }, seconds: { type: 'string' }, rate: { type: 'string', default: '12' }, 'clock-library': { type: 'string' } } })
const isNight = values.night === true
const count = Number(values.seeds ?? (isNight ? 200 : 20))
const first = Number(values.first)
const seconds = Number(values.seconds ?? (isNight ? 120 : 25))
const clockLibrary = values['clock-library'] ?? findFakeClock()
const say = (line: string): void => { process.stderr.write(`${line}\n`) }

const began = Date.now()
const campaign = await startCampaign({ times: isNight ? TRUE_TO_LIFE : SHORT, say })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void campaign.end().then(() => process.exit(1)) })
const seeds: SeedResult[] = []
let storms: StormResult[] = []
const idle: string[] = []
let atEnd: Finding[] = []
let broken: string | null = null
try {
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await campaign.seed(seed, { forMs: seconds * 1000, perSecond: Number(values.rate) })
    seeds.push(result)
    say(JSON.stringify({ done: { ...result, plan: result.plan.length, fired: result.fired.length } }))
  }
  if (!isNight) await playSingles()
  storms = await campaign.storms()
  say(JSON.stringify({ storms }))
  atEnd = [...storms.flatMap(storm => storm.findings), ...await campaign.finish()]
} catch (error) {
  broken = error instanceof Error ? error.stack ?? error.message : String(error)
} finally {
  await campaign.end()
}
const planned = seeds.reduce((sum, seed) => sum + seed.plan.length, 0)
const struck = seeds.reduce((sum, seed) => sum + seed.fired.filter(fault => fault.didStrike).length, 0)
const isVoid = [
  ...broken === null ? [] : [`it broke off: ${broken}`], ...idle, ...seeds.length < count ? [`only ${seeds.length} of ${count} seeds ran`] : [],
  ...struck < planned / 2 ? [`only ${struck} of ${planned} planned faults struck anything`] : []
]
const notRun = [...campaign.system.spool.isSmallDisk ? [] : ['disk full: a small disk can only be made by root'], ...clockLibrary === null ? ['clock jumps of the processes: libfaketime is not installed'] : [], 'packet loss and one-way cuts: they need a network namespace']
const findings = [...seeds.flatMap(seed => seed.findings), ...atEnd]
const file = saveResult(isNight ? 'night' : 'faults', {
  command: `npm run ${isNight ? 'faults:night' : 'faults'} -- --seeds ${count} --first ${first} --seconds ${seconds} --rate ${values.rate}`, at: new Date(began).toISOString(),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(), machine: machineName(), seconds: Math.round((Date.now() - began) / 1000), seeds, points: [], storms, findings: atEnd, notRun, isVoid
})
process.stdout.write(`${JSON.stringify({ seeds: seeds.length, struck, planned, findings, isVoid, file })}\n`)
process.exit(findings.length === 0 && isVoid.length === 0 ? 0 : 1)

/** Their numbers begin at 9001, so that none is a seed's. */
async function playSingles (): Promise<void> {
  const { edges, dir } = campaign.system
  const list = singles(createChance(first), { edges: edges.names(), clock: clockLibrary === null ? null : { library: clockLibrary, dir } })
  for (const [i, { name, forMs, plan, environments }] of list.entries()) {
    say(JSON.stringify({ single: name }))
    const result = await campaign.seed(9001 + i, { forMs, perSecond: 10, plan, ...environments === undefined ? {} : { environments } })
    seeds.push(result)
    const struck = result.fired.filter(fault => fault.didStrike).length
    if (struck < result.fired.length / 2) idle.push(`only ${struck} of ${result.fired.length} faults struck anything while ${name}`)
    say(JSON.stringify({ done: name, ...result, plan: result.plan.length, fired: result.fired.length, struck }))
  }
}
