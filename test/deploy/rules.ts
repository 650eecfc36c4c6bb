import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { PROCESSES } from '../../src/main/process.ts'
import { ROOT, mountOf, settingsOf } from './compose.ts'
import type { Compose, Service } from './compose.ts'

/** A rule of the container files: gives a sentence for each place where it is broken. */
export type Rule = (compose: Compose) => string[]

const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }
const CONFIG = '/etc/dealbridge/dealbridge.yaml'
const OFFSETS = PROCESSES as Readonly<Record<string, { offset: number }>>
// Their start scripts write beside their programs: Kafka its server.properties; the registry's image was not tried read-only.
const WRITABLE = /^(kafka(-\d)?|registry)$/
const PARTS = /^(kafka(-\d)?|registry|postgres|redis)$/
// Everything else stays on the inner network.
const ON_THE_EDGE = new Set(['ingest', 'dispatcher', 'query', 'sweep', 'simulator'])
const SECRET = /PASSWORD|SECRET|KEY|TOKEN|REST_URL/

const isOurs = (service: Service): boolean => service.image?.startsWith('dealbridge') === true
const brokers = (compose: Compose): [string, Service][] => Object.entries(compose.services).filter(([name]) => name.startsWith('kafka'))

/** Applies `broken` to each service; what it gives are the names of what is wrong with it. */
function each (compose: Compose, broken: (service: Service, name: string) => (string | false)[]): string[] {
  return Object.entries(compose.services).flatMap(([name, service]) => broken(service, name).filter(fault => fault !== false).map(fault => `${name}: ${fault}`))
}

export const RULES: Readonly<Record<string, Rule>> = {
  'every image has a full version, ours that of package.json': compose => each(compose, service => [
    !/^[\w./-]+:\d+\.\d+[\w.-]*$/.test(service.image ?? '') && 'image without a version',
    isOurs(service) && service.image?.endsWith(`:${version}`) !== true && `not ${version}`
  ]),
  'one service builds an image of ours, the others never ask a registry for it': compose => [
    ...each(compose, service => [isOurs(service) && service.pull_policy !== (service.build === undefined ? 'never' : 'build') && 'pull_policy']),
    ...[...new Set(Object.values(compose.services).filter(isOurs).map(service => service.image))]
      .filter(image => Object.values(compose.services).filter(service => service.image === image && service.build !== undefined).length !== 1)
      .map(image => `${image} is not built exactly once`)
  ],
  'no service has a capability, a new privilege, the engine\'s socket or the network of the host': compose => each(compose, service => [
    service.cap_drop?.includes('ALL') !== true && 'cap_drop',
    service.security_opt?.includes('no-new-privileges:true') !== true && 'no-new-privileges',
    (service.privileged === true || service.cap_add !== undefined) && 'privileged',
    JSON.stringify(service.volumes ?? []).includes('docker.sock') && 'docker.sock',
    service.network_mode === 'host' && 'host network'
  ]),
  'every service has a limit of memory and of processes': compose => each(compose, service => [
    service.mem_limit === undefined && 'mem_limit', service.pids_limit === undefined && 'pids_limit'
  ]),
  'the root is read-only, with a /tmp in memory, where the image bears it': compose => each(compose, (service, name) => [
    !WRITABLE.test(name) && service.read_only !== true && 'read_only', !WRITABLE.test(name) && service.tmpfs?.includes('/tmp') !== true && 'tmpfs'
  ]),
  'our programs are reaped and have 30 s to end': compose => each(compose, (service, name) => [
    isOurs(service) && service.init !== true && 'init', name in OFFSETS && service.stop_grace_period !== '30s' && 'stop_grace_period'
  ]),
  'every process of the service runs in a container of its own, with its config': compose => Object.keys(OFFSETS)
    .filter((name) => {
      const service = compose.services[name]
      return service === undefined || service.command?.join(' ') !== `run ${name} --config ${CONFIG}` || !service.volumes?.some(mount => mountOf(mount).target === CONFIG)
    }),
  'the health of our processes is what their /readyz says': compose => each(compose, (service, name) => [
    name in OFFSETS && service.healthcheck?.test.join(' ') !== `CMD node deploy/ready.mjs http://127.0.0.1:${8090 + (OFFSETS[name]?.offset ?? 0)}/readyz` && 'healthcheck'
  ]),
  'what is waited for exists and can become what it is waited to be': compose => each(compose, service => Object.entries(service.depends_on ?? {}).map(([name, { condition }]) => {
    const other = compose.services[name]
    if (other === undefined) return `there is no ${name}`
    if (condition === 'service_healthy' && other.healthcheck === undefined) return `${name} has no healthcheck`
    return condition === 'service_completed_successfully' && other.restart !== 'no' && `${name} never ends`
  })),
  'no secret stands in a file: its value comes from the environment': compose => each(compose, service => Object.entries(service.environment ?? {})
    .map(([name, value]) => SECRET.test(name) && value !== null && !/^\$\{[A-Z_]+-\}$/.test(value) && compose.name !== 'dealbridge-demo' && name)),
  'what is mounted from the checkout is there, and read-only': compose => each(compose, service => (service.volumes ?? []).map(mountOf).map(({ source, mode }) =>
    source.startsWith('.') && (!existsSync(path.join(ROOT, source)) ? `${source} is not there` : mode !== 'ro' && `${source} can be written`))),
  'named volumes and networks are declared': compose => each(compose, service => [
    ...(service.volumes ?? []).map(mountOf).map(({ source }) => !source.startsWith('.') && !(source in compose.volumes) && `volume ${source}`),
    ...(service.networks ?? []).map(network => !(network in compose.networks) && `network ${network}`)
  ]),
  'the webhooks are open to all, the page to this machine, and nothing else is': compose => each(compose, (service, name) => {
    const wanted = { ingest: ['8000:8000'], query: ['127.0.0.1:8010:8010'] }[name] ?? []
    return [JSON.stringify(service.ports ?? []) !== JSON.stringify(wanted) && 'ports']
  }),
  'what holds data has no way out': compose => [
    ...compose.networks['parts']?.internal === true ? [] : ['the network parts is not internal'],
    ...each(compose, (service, name) => [
      service.network_mode === undefined && !service.networks?.includes('parts') && 'not on the inner network',
      service.networks?.includes('edge') === true && !ON_THE_EDGE.has(name) && 'stands on the edge'
    ])
  ],
  'a shared network belongs to one service, and its guests bring none of their own': compose => each(compose, service => [
    service.network_mode?.startsWith('service:') === true && (service.networks !== undefined || service.ports !== undefined || compose.services[service.network_mode.slice(8)]?.networks === undefined) && 'network_mode'
  ]),
  'only our programs know a secret of a portal': compose => each(compose, (service, name) => [PARTS.test(name) && /REST_URL|SIGNAL|QUERY_KEY/.test(JSON.stringify(service.environment ?? {})) && 'environment']),
  'brokers are one cluster of the local parts\' version, each with its own id, name and data': (compose) => {
    const all = brokers(compose)
    const voters = all.map(([name], index) => `${index + 1}@${name}:9093`).join(',')
    return all.flatMap(([name, service], index) => {
      const { KAFKA_NODE_ID: id, KAFKA_CONTROLLER_QUORUM_VOTERS: quorum, KAFKA_ADVERTISED_LISTENERS: address, CLUSTER_ID: cluster } = settingsOf(service)
      return [id !== String(index + 1) && 'node id', quorum !== voters && 'voters', address !== `PLAINTEXT://${name}:9092` && 'address', cluster?.length !== 22 && 'cluster id',
        service.image !== all[0]?.[1].image && 'image', JSON.stringify(service.volumes) !== JSON.stringify([`${name}:/var/lib/kafka/data`]) && 'data',
        service.healthcheck?.test.at(-1)?.endsWith(`grep -q '^${name}:9092 '`) !== true && 'healthcheck'].filter(fault => fault !== false).map(fault => `${name}: ${fault}`)
    })
  },
  'init makes topics only once every broker is there': compose => brokers(compose)
    .filter(([name]) => compose.services['init']?.depends_on?.[name]?.condition !== 'service_healthy').map(([name]) => name)
}
