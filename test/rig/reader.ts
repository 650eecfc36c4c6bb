// The dispatcher or the projector as `dealbridge run` starts it, but for two times from which nothing is learnt by waiting: how long
// an unknown outcome rests (the rig's portals cut a request after a few seconds instead of sixty), and how long a reader that was
// killed holds its place in its group. Arguments: config, process, and the rig's times as JSON.
import { run } from '../../src/cli/commands/run.ts'
import { startDispatcher } from '../../src/main/dispatcher.ts'
import { startProjector } from '../../src/main/projector.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { armFailpoints } from '../../src/platform/failpoint.ts'
import type { RigTimes } from './times.ts'

const [file = '', name = '', text = ''] = process.argv.slice(2)
const { unknownWaitMs, patience } = JSON.parse(text) as RigTimes
const config = loadConfig(file, process.env)
const kafka = { ...config.kafka, patience }
armFailpoints(process.env)
process.exitCode = await run([() => name === 'dispatcher' ? startDispatcher({ ...config, kafka }, { unknownWaitMs }) : startProjector({ ...config, kafka })], {
  ready: names => process.stdout.write(`${JSON.stringify({ ready: names })}\n`),
  died: sentence => process.stderr.write(`${sentence}\n`)
})
process.exit()
