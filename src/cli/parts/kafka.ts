import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../platform/errors.ts'
import { probeKafka } from '../../platform/kafka-probe.ts'
import type { Found } from './found.ts'
import type { Part, Place } from './part.ts'
import { writeWhole } from './process.ts'

const run = promisify(execFile)
const JVM = ['-XX:-UsePerfData', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xms128m', '-Xmx384m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']

/** The client addresses of every broker of `place`. */
export function kafkaAddresses (place: Place): string[] {
  return nodes(place).map(node => `127.0.0.1:${clientPort(place, node)}`)
}

/** One part per broker; each is broker and controller at once. */
export function kafkaParts (place: Place, found: Found): Part[] {
  return nodes(place).map((node) => {
    const name = `kafka-${node}`
    const data = join(place.dir, name)
    const properties = join(place.dir, `${name}.properties`)
    const marker = `-Ddealbridge.part=${properties}`
    return {
      name,
      ports: [clientPort(place, node), clientPort(place, node) + 4],
      marker,
      pidFile: join(place.dir, `${name}.pid`),
      logFile: join(place.dir, 'logs', `${name}.log`),
      stop: 'SIGTERM',
      prepare: async () => {
        writeWhole(properties, propertiesOf(place, node, data))
        if (!existsSync(data)) await format(place, node, found)
      },
      launch: () => ({
        command: found.java,
        args: [...JVM, ...sharedClasses(place, name, found), marker, '-cp', join(found.kafkaLibs, '*'), 'kafka.Kafka', properties],
        cwd: place.dir
      }),
      probe: () => probeKafka(kafkaAddresses(place))
    }
  })
}

// Formats beside the data and renames: a cut-off format leaves nothing that looks like data.
async function format (place: Place, node: number, found: Found): Promise<void> {
  const fresh = join(place.dir, `kafka-${node}.new`)
  const properties = join(place.dir, `kafka-${node}.new.properties`)
  rmSync(fresh, { recursive: true, force: true })
  writeWhole(properties, propertiesOf(place, node, fresh))
  try {
    await run(found.java, [...JVM, '-cp', join(found.kafkaLibs, '*'), 'kafka.tools.StorageTool', 'format', '-t', place.clusterId, '-c', properties], { timeout: 60000 })
  } catch (error) {
    throw new AppError('part_failed', `The data folder of kafka-${node} could not be formatted`, { cause: error })
  }
  renameSync(fresh, join(place.dir, `kafka-${node}`))
  rmSync(properties, { force: true })
}

// From the second start on the classes come from an archive; Java writes it when the server ends in order.
function sharedClasses (place: Place, name: string, found: Found): string[] {
  if (found.javaVersion < 19) return []
  mkdirSync(join(place.dir, 'classes'), { recursive: true })
  return ['-XX:+AutoCreateSharedArchive', `-XX:SharedArchiveFile=${join(place.dir, 'classes', `${name}.jsa`)}`, '-Xlog:disable', '-Xlog:all=error:stderr']
}

function propertiesOf (place: Place, node: number, data: string): string {
  const replicas = place.brokers
  const insync = place.brokers === 1 ? 1 : 2
  const client = clientPort(place, node)
  const voters = nodes(place).map(voter => `${voter}@127.0.0.1:${clientPort(place, voter) + 4}`).join(',')
  const lines = {
    'process.roles': 'broker,controller', 'node.id': node, 'controller.quorum.voters': voters,
    listeners: `PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${client + 4}`, 'advertised.listeners': `PLAINTEXT://127.0.0.1:${node === 1 ? place.advertisedPort ?? client : client}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT', 'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT', 'log.dirs': data.replaceAll('\\', '/'), 'auto.create.topics.enable': false,
    'unclean.leader.election.enable': false, 'default.replication.factor': replicas, 'min.insync.replicas': insync,
    'offsets.topic.replication.factor': replicas, 'offsets.topic.num.partitions': 4, 'offsets.retention.minutes': 525600,
    'transaction.state.log.replication.factor': replicas, 'transaction.state.log.min.isr': insync, 'transaction.state.log.num.partitions': 2,
    'share.coordinator.state.topic.replication.factor': replicas, 'share.coordinator.state.topic.min.isr': insync,
    'group.initial.rebalance.delay.ms': 0, 'log.retention.ms': -1, 'broker.session.timeout.ms': 3000, 'broker.heartbeat.interval.ms': 500,
    'controller.quorum.fetch.timeout.ms': 1000, 'num.network.threads': 2, 'num.io.threads': 2, 'log.segment.bytes': 16777216,
    'log.cleaner.dedupe.buffer.size': 4194304
  }
  return Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join('')
}

function nodes (place: Place): number[] {
  return place.brokers === 1 ? [1] : [1, 2, 3]
}

function clientPort (place: Place, node: number): number {
  return place.portBase + (node - 1) * 10
}
