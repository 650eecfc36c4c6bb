import { get } from 'node:http'
import { join } from 'node:path'
import type { Found } from './found.ts'
import type { Part, Place } from './part.ts'
import { postgresPort } from './postgres.ts'

/** The database of the registry, beside that of dealbridge: schema ids survive restarts. */
export const REGISTRY_DATABASE = 'registry'

/** Root address of the registry; the Confluent-compatible interface is under /apis/ccompat/v7. */
export function registryAddress (place: Place): string {
  return `http://127.0.0.1:${place.portBase + 1}`
}

/** The schema registry, with its storage in PostgreSQL, which has to answer before this starts. */
export function registryPart (place: Place, found: Found): Part {
  const port = place.portBase + 1
  const managementPort = place.portBase + 5
  const marker = `-Ddealbridge.part=${join(place.dir, 'registry')}`
  // Properties, not environment variables: the command line says it all, and the marker stands among them.
  const settings = {
    'quarkus.http.host': '127.0.0.1', 'quarkus.http.port': port, 'quarkus.management.host': '127.0.0.1', 'quarkus.management.port': managementPort,
    'apicurio.storage.kind': 'sql', 'apicurio.storage.sql.kind': 'postgresql',
    'apicurio.datasource.url': `jdbc:postgresql://127.0.0.1:${postgresPort(place)}/${REGISTRY_DATABASE}`,
    'apicurio.datasource.username': 'dealbridge', 'apicurio.datasource.password': 'dealbridge',
    'apicurio.datasource.jdbc.initial-size': 2, 'apicurio.datasource.jdbc.min-size': 2, 'apicurio.datasource.jdbc.max-size': 10
  }
  return {
    name: 'registry',
    ports: [port, managementPort],
    marker,
    pidFile: join(place.dir, 'registry.pid'),
    logFile: join(place.dir, 'logs', 'registry.log'),
    stop: 'SIGTERM',
    prepare: () => Promise.resolve(),
    launch: () => ({
      command: found.javaRegistry,
      args: ['-XX:-UsePerfData', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx384m', marker, ...Object.entries(settings).map(([key, value]) => `-D${key}=${value}`), '-jar', 'quarkus-run.jar'],
      cwd: found.registryDir
    }),
    probe: () => askForSubjects(`${registryAddress(place)}/apis/ccompat/v7/subjects`)
  }
}

function askForSubjects (url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { timeout: 3000, agent: false }, (response) => {
      response.resume()
      if (response.statusCode === 200) resolve()
      else reject(new Error(`the registry answered ${response.statusCode}`))
    })
    request.on('timeout', () => request.destroy(new Error('the registry did not answer in 3 s')))
    request.on('error', reject)
  })
}
