import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../platform/errors.ts'
import { ensureDatabases, inDatabase, probePostgres } from '../../platform/postgres-probe.ts'
import type { Found } from './found.ts'
import type { Part, Place } from './part.ts'
import { postgresHome } from './postgres-home.ts'
import { hasMarker, readText } from './process.ts'

const run = promisify(execFile)
const DATABASES = ['dealbridge', 'registry']
// PostgreSQL refuses to run as root; this is `nobody` everywhere, and no user has to be made.
const NOBODY = 65534

/** Port of PostgreSQL. */
export function postgresPort (place: Place): number {
  return place.portBase + 2
}

/** Address of the database of dealbridge, as its owner and superuser. */
export function postgresAddress (place: Place): string {
  return `postgres://dealbridge:dealbridge@127.0.0.1:${postgresPort(place)}/dealbridge`
}

/** PostgreSQL on 127.0.0.1 only, with checksums; answers once the databases of dealbridge and of the registry are there. */
export function postgresPart (place: Place, found: Found): Part {
  const port = postgresPort(place)
  const data = join(postgresHome(place.dir), 'postgres')
  const url = postgresAddress(place)
  return {
    name: 'postgres',
    ports: [port],
    marker: data,
    pidFile: join(place.dir, 'postgres.pid'),
    logFile: join(place.dir, 'logs', 'postgres.log'),
    stop: 'SIGINT',
    prepare: async () => {
      if (existsSync(data)) forgetStrangersPid(data)
      else await initialise(data, found)
    },
    launch: () => ({
      command: join(found.postgresBin, 'postgres'),
      args: ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'],
      cwd: '/',
      ...(process.getuid?.() === 0 ? { user: NOBODY } : {})
    }),
    probe: async () => {
      await probePostgres(inDatabase(url, 'postgres'))
      await ensureDatabases(url, DATABASES)
    }
  }
}

// Made beside the data and renamed: a cut-off initdb leaves nothing that looks like data.
async function initialise (data: string, found: Found): Promise<void> {
  const fresh = `${data}.new`
  const password = `${data}.password`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o700 })
  writeFileSync(password, 'dealbridge\n', { mode: 0o600 })
  const root = process.getuid?.() === 0
  if (root) for (const file of [fresh, password]) chownSync(file, NOBODY, NOBODY)
  const args = ['-D', fresh, '-U', 'dealbridge', '--auth=scram-sha-256', `--pwfile=${password}`, '--data-checksums', '-E', 'UTF8', ...await localeOf(found)]
  try {
    await run(join(found.postgresBin, 'initdb'), args, { cwd: '/', timeout: 60000, ...(root ? { uid: NOBODY, gid: NOBODY } : {}) })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? ''
    throw new AppError('part_failed', `The data folder of PostgreSQL could not be made at ${data}: ${said.trim().split('\n').at(-1) ?? ''}`, { cause: error })
  } finally {
    rmSync(password, { force: true })
  }
  renameSync(fresh, data)
}

// The built-in locale of 17 and newer sorts the same on every machine and knows upper and lower case of every script.
async function localeOf (found: Found): Promise<string[]> {
  const { stdout } = await run(join(found.postgresBin, 'postgres'), ['--version'], { cwd: '/' })
  return Number(/(\d+)/.exec(stdout)?.[1]) >= 17 ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale=C.UTF-8']
}

// After a kill postmaster.pid stays. PostgreSQL sees through a dead pid, but not through one that another program of the same
// user has by now. The file is kept while its pid may be ours or is free: it also leads to the shared memory of orphaned children.
function forgetStrangersPid (data: string): void {
  const file = join(data, 'postmaster.pid')
  const pid = Number((readText(file) ?? '').split('\n')[0])
  const command = readText(`/proc/${pid}/cmdline`) ?? ''
  if (pid > 0 && command !== '' && !hasMarker(pid, data) && !/^\S*postgres/.test(command)) rmSync(file, { force: true })
}
