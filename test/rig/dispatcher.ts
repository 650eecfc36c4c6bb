// The dispatcher as `dealbridge run dispatcher` starts it, but for the time it lets an unknown outcome rest: the rig's portals
// cut a request after a few seconds instead of sixty, and nothing is learnt from waiting longer. Arguments: config, milliseconds.
import { run } from '../../src/cli/commands/run.ts'
import { startDispatcher } from '../../src/main/dispatcher.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { armFailpoints } from '../../src/platform/failpoint.ts'

const [config = '', unknownWaitMs = ''] = process.argv.slice(2)
armFailpoints(process.env)
process.exitCode = await run([() => startDispatcher(loadConfig(config, process.env), { unknownWaitMs: Number(unknownWaitMs) })], {
  ready: names => process.stdout.write(`${JSON.stringify({ ready: names })}\n`),
  died: sentence => process.stderr.write(`${sentence}\n`)
})
process.exit()
