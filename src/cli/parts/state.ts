import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { AppError } from '../../platform/errors.ts'
import type { Place } from './part.ts'
import { readText, writeWhole } from './process.ts'

type State = Omit<Place, 'dir'>

/** What an earlier `up` wrote about `dir`, or null when nothing was ever started there. */
export function readPlace (dir: string): Place | null {
  const text = readText(join(dir, 'parts.json'))
  if (text === null) return null
  try {
    const { portBase, brokers, clusterId } = JSON.parse(text) as State
    return { dir, portBase, brokers, clusterId }
  } catch (error) {
    throw new AppError('part_failed', `${join(dir, 'parts.json')} is not readable; stop the parts by hand and remove ${dir}`, { cause: error })
  }
}

/** Records ports and number of brokers, so that `status` and `down` need the folder alone. */
export function writePlace (place: Place): void {
  const { portBase, brokers, clusterId } = place
  writeWhole(join(place.dir, 'parts.json'), JSON.stringify({ portBase, brokers, clusterId } satisfies State) + '\n')
}

/** A new id for a Kafka cluster: 22 characters of base64url that do not begin with a dash, which Kafka takes for an option. */
export function newClusterId (): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? newClusterId() : id
}
