import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { failpoint } from '../../platform/failpoint.ts'
import { encodeRecord, scanRecords } from './record.ts'

const SEGMENT_BYTES = 4 * 1024 * 1024

/** A segment that is being written, and how much of it is good. */
export interface Writing { readonly name: string, readonly length: number }

/** Writes segments `00000001.log`, … of one folder. */
export interface SegmentWriter {
  /** Resolves once all of them are on disk for good. Throws when the disk refuses; what was written of them is not counted and never reported as kept. */
  append (payloads: readonly Buffer[]): Promise<void>
  current (): Writing | null
  /** Ends the segment, so that its reader may take it away. */
  seal (): Promise<void>
}

export function createSegmentWriter (folder: string): SegmentWriter {
  let sequence = 0
  let segment: { readonly name: string, length: number, handle?: FileHandle } | null = null

  // Named before it is there: the reader must never take a file for a finished one that is about to be written.
  async function begin (): Promise<FileHandle> {
    segment = { name: `${String(++sequence).padStart(8, '0')}.log`, length: 0 }
    segment.handle = await open(path.join(folder, segment.name), 'wx')
    await syncFolder(folder)
    return segment.handle
  }
  async function seal (): Promise<void> {
    const handle = segment?.handle
    segment = null
    await handle?.close()
  }
  return {
    seal,
    current: () => segment,
    async append (payloads) {
      const bytes = Buffer.concat(payloads.map(encodeRecord))
      try {
        const handle = segment?.handle ?? await begin()
        await handle.appendFile(bytes)
        failpoint('K5')
        await handle.datasync()
      } catch (error) {
        // Nobody knows what stands there now: nothing more is written behind it.
        await seal().catch(() => undefined)
        throw error
      }
      if (segment === null) return
      segment.length += bytes.length
      if (segment.length >= SEGMENT_BYTES) await seal()
    }
  }
}

/** What stands in a folder, oldest first, from where the last reading ended. */
export interface SegmentReader {
  /** The next records, at most one segment's, or null when there are none now. What is being written is not read beyond its good length. */
  next (writing: () => Writing | null): Promise<Reading | null>
}
export interface Reading {
  readonly payloads: readonly Buffer[]
  readonly rest: 'none' | 'torn' | 'damaged'
  /** The records are where they belong: moves on, and takes a finished segment away. A damaged one is kept under another name. */
  done (): Promise<void>
}

export function createSegmentReader (folder: string): SegmentReader {
  let at: { name: string, offset: number } = { name: '', offset: 0 }
  return {
    async next (writing) {
      const names = await segmentsOf(folder)
      // Asked after the listing: what was listed and is not written now is finished for good.
      const current = writing()
      for (const name of names) {
        const file = path.join(folder, name)
        const offset = at.name === name ? at.offset : 0
        const isWriting = current?.name === name
        const bytes = await readFrom(file, offset, isWriting ? current.length : (await stat(file)).size)
        const { payloads, length, rest } = scanRecords(bytes)
        if (isWriting && payloads.length === 0) return null
        return {
          payloads, rest,
          async done () {
            at = { name, offset: offset + length }
            if (isWriting) return
            if (rest === 'damaged') await rename(file, `${file}.damaged`)
            else await rm(file)
          }
        }
      }
      return null
    }
  }
}

/** Whether anything stands in a folder that somebody may still want. */
export async function hasSegments (folder: string): Promise<boolean> {
  return (await readdir(folder)).some(name => name.includes('.log'))
}

async function segmentsOf (folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => /^\d{8}\.log$/.test(name)).toSorted()
}

async function readFrom (file: string, from: number, to: number): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const bytes = Buffer.alloc(Math.max(to - from, 0))
    let got = 0
    while (got < bytes.length) {
      const { bytesRead } = await handle.read(bytes, got, bytes.length - got, from + got)
      if (bytesRead === 0) break
      got += bytesRead
    }
    return bytes.subarray(0, got)
  } finally {
    await handle.close()
  }
}

/** A new file survives a power loss only when its folder is on disk, too. */
async function syncFolder (folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try { await handle.sync() } finally { await handle.close() }
}
