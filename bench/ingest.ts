// How many form webhooks a second ingest takes, each answered once all in-sync replicas have it, and how long one waits.
//
//   SEED_STACK=DIR node bench/ingest.ts [--seconds 8] [--rounds 3]
//
// DIR holds the specification's own stack and its loader (`run.mjs`, which takes `--target`): both are then loaded by 50
// connections in the same interleaved rounds, beside a Fastify that only answers. Without it only the waiting times are taken.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startSystem } from '../test/support/system.ts'
import type { Holder, System } from '../test/support/system.ts'
import { atRate } from './at-rate.ts'
import { round } from './figures.ts'

const FORM = new URLSearchParams({
  event: 'ONCRMDEALUPDATE', event_handler_id: '975', 'data[FIELDS][ID]': '@ID@', ts: '@TS@',
  'auth[domain]': 'acme.bitrix24.ru', 'auth[client_endpoint]': 'https://acme.bitrix24.ru/rest/', 'auth[server_endpoint]': 'https://oauth.bitrix24.tech/rest/',
  'auth[member_id]': 'f'.repeat(32), 'auth[application_token]': 'token-acme'
}).toString().replaceAll('%40', '@')

const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
try {
  const system = await startSystem(holder, { source: { webhooks: [] } })
  const ingest = await system.run('ingest')
  const url = `${system.ingest}/webhook/bitrix24/signal-acme`
  const waits = []
  const bodyOf = (id: number): string => FORM.replace('@ID@', String(id)).replace('@TS@', '1800000000')
  // The program's first seconds, in which it is still being compiled, are a figure of their own.
  const first = await atRate({ url, perSecond: 100, seconds: 3, bodyOf })
  for (const perSecond of [100, 1000]) waits.push({ perSecond, ...await atRate({ url, perSecond, seconds: 15, bodyOf }) })
  const rounds = process.env['SEED_STACK'] === undefined ? null : await besideSeedStack(process.env['SEED_STACK'], system, { url, pid: ingest.pid ?? 0 })
  process.stdout.write(`${JSON.stringify({ bench: 'ingest', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, first, waits, ...rounds })}\n`)
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit()

interface Round { readonly rps: number, readonly p50_ms: number, readonly p99_ms: number, readonly errors: number }

async function besideSeedStack (stack: string, system: System, target: { url: string, pid: number }): Promise<object> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dealbridge-bench-'))
  const body = path.join(dir, 'form.txt')
  writeFileSync(body, FORM)
  const pids = [process.pid, target.pid, ...Object.values(system.parts.pids)].join(',')
  const args = [path.join(stack, 'run.mjs'), '--target', target.url, '--target-body', body, '--target-pids', pids, ...process.argv.slice(2)]
  const loader = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  loader.stdout.on('data', (chunk: Buffer) => { said += chunk.toString() })
  await new Promise(resolve => loader.once('close', resolve))
  rmSync(dir, { recursive: true, force: true })
  const { results } = JSON.parse(said.trim().split('\n').at(-1) ?? '{}') as { results: Record<string, Round> }
  const [ours, noop] = [results['ours']?.rps ?? 0, results['fastify-noop']?.rps ?? 0]
  const seed = Math.max(results['seed-1w']?.rps ?? 0, results['seed-2w']?.rps ?? 0)
  return { ofSeedStack: round(ours / seed), ofNoop: round(ours / noop), rounds: results }
}
