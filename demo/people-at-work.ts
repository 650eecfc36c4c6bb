// The people of `docker compose up`, as a program of their own: they know the control door of the simulator and the query API alone.
import { parseArgs } from 'node:util'
import { workForEver } from './work.ts'

const { values } = parseArgs({ options: { control: { type: 'string' }, query: { type: 'string' }, key: { type: 'string' }, page: { type: 'string' } } })
const { control, query, key, page } = values
if (control === undefined || query === undefined || key === undefined) {
  process.stderr.write('usage: node demo/people-at-work.ts --control URL --query URL --key KEY [--page URL]\n')
  process.exit(2)
}
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())
process.stdout.write(`The live page: ${page ?? query}/   key: ${key}\n`)
try {
  process.exitCode = await workForEver({ control, query, key }, { page: page ?? query, signal: stopping.signal })
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
