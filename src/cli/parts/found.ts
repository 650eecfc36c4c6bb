import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError } from '../../platform/errors.ts'

/** The programs that `scripts/setup.mjs` found or brought, as absolute paths. */
export interface Found {
  readonly java: string
  readonly javaRegistry: string
  readonly javaVersion: number
  readonly kafkaLibs: string
  readonly registryDir: string
  readonly redisServer: string
  readonly postgresBin: string
}

const CHECKOUT = resolve(import.meta.dirname, '../../..')

/** Reads what set-up recorded and checks that every file is still there, before anything is started; throws `part_missing`. */
export function findParts (): Found {
  const record = join(CHECKOUT, '.dealbridge', 'parts.json')
  if (!existsSync(record)) throw new AppError('part_missing', 'The parts are not set up in this checkout; bring them with: npm run -s setup')
  const found = JSON.parse(readFileSync(record, 'utf8')) as Found
  const files = { Java: found.java, 'Java of the registry': found.javaRegistry, Kafka: found.kafkaLibs, 'the registry': found.registryDir, Redis: found.redisServer, PostgreSQL: join(found.postgresBin, 'postgres') }
  const missing = Object.entries(files).filter(([, file]) => !existsSync(file)).map(([name]) => name)
  if (missing.length > 0) throw new AppError('part_missing', `No longer there: ${missing.join(', ')}; bring it back with: npm run -s setup`)
  return found
}
