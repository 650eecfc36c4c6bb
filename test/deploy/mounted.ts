import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ROOT, mountOf } from './compose.ts'
import type { Service } from './compose.ts'

/** What ends with the caller. */
interface Holder { after (end: () => unknown): void }

/** Lays out what a service mounts from the checkout as the container sees it, under a temporary folder; gives the folder. */
export function mounted (t: Holder, service: Service | undefined): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-mounted-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const mounts = (service?.volumes ?? []).map(mountOf).filter(({ source }) => source.startsWith('.'))
  for (const { source, target } of mounts) {
    mkdirSync(path.dirname(path.join(dir, target)), { recursive: true })
    cpSync(path.join(ROOT, source), path.join(dir, target), { recursive: true })
  }
  return dir
}
