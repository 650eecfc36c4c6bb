import { mkdirSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'

/** Which `member_id` a portal has: configured, or learned at its first good call. */
export interface Pins {
  /** False when another `member_id` is pinned. Null (none was said) and a portal without pin are fine. */
  isFine (portal: string, memberId: string | null): boolean
  /** Pins `memberId` if nothing is pinned yet; resolves when it is on disk. False when another was quicker. */
  learn (portal: string, memberId: string): Promise<boolean>
}

/**
 * Pins in `<data_dir>/pins.json`, so ingest recognises a portal while PostgreSQL is away.
 *
 * A pin counts in memory at once and is written whole to a new file that replaces the old one: a crash leaves the old
 * file or the new one. Before writing, the file is read again and what another process pinned wins. Two processes that
 * learn different ids of one portal within the same milliseconds may each keep their own until the next start.
 */
export function createPins (options: { dataDir: string, configured: Iterable<readonly [portal: string, memberId: string]>, logger: Logger }): Pins {
  const file = path.join(options.dataDir, 'pins.json')
  const configured = new Map(options.configured)
  const learned = new Map<string, string>(Object.entries(readPins(file)))
  let writing: Promise<void> = Promise.resolve()

  const pinOf = (portal: string): string | undefined => configured.get(portal) ?? learned.get(portal)
  async function save (): Promise<void> {
    try {
      for (const [portal, memberId] of Object.entries(readPins(file))) learned.set(portal, memberId)
      await replaceFile(file, JSON.stringify(Object.fromEntries(learned), null, 2) + '\n')
    } catch (error) {
      // The webhook is worth more than the pin, which counts in memory; a file that cannot be read is left as it is.
      options.logger.log('error', 'pins_not_written', { error: messageOf(error) })
    }
  }
  return {
    isFine: (portal, memberId) => memberId === null || (pinOf(portal) ?? memberId) === memberId,
    async learn (portal, memberId) {
      if (pinOf(portal) === undefined) {
        learned.set(portal, memberId)
        writing = writing.then(save)
        await writing
        options.logger.log('info', 'member_pinned', { portal })
      }
      return pinOf(portal) === memberId
    }
  }
}

/** A file that is there but unreadable stops the start: silently forgetting pins would let another portal in. */
function readPins (file: string): Record<string, string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || !Object.values(value).every(id => typeof id === 'string')) {
    throw new Error('pins.json in data_dir must be an object of texts; restore it or take it away')
  }
  return value as Record<string, string>
}

async function replaceFile (file: string, text: string): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true })
  const fresh = `${file}.${process.pid}.new`
  const handle = await open(fresh, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, file)
}
