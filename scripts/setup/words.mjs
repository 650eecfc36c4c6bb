// What set-up says, and the small readings it needs.
import fs from 'node:fs'
import { root } from './places.mjs'

/** Something that a person has to get; the message is one sentence with the command for it. */
export class Missing extends Error {}

export function say (text) {
  process.stderr.write(`set-up: ${text}\n`)
}

/** Plain words for what a person can mend; the stack for a mistake of ours. */
export function sentenceOf (error) {
  if (error instanceof Missing) return error.message
  if (error?.code === 'ENOSPC') return noRoom()
  if (['EACCES', 'EPERM', 'EROFS'].includes(error?.code)) return `${error.path ?? root} cannot be written by this user; give the checkout to it with: sudo chown -R "$(id -un)" '${root}'`
  return error instanceof Error ? error.stack ?? error.message : String(error)
}

/** Throws when the output of a program says that the disk is full: then nothing else it says matters. */
export function mindTheRoom (output) {
  if (/ENOSPC|no space left on device/i.test(output)) throw new Missing(noRoom())
}

function noRoom () {
  return `The disk of ${root} is full; make room for about 1.5 GB and go on with: npm run -s setup`
}

/** What a program said about its failure, as part of a sentence. */
export function reasonIn (output, pattern) {
  const lines = output.split('\n').map(line => line.trim()).filter(line => line !== '')
  const found = lines.map(line => pattern.exec(line)?.[1]?.trim()).find(text => text)
  const text = (found ?? lines.at(-1) ?? 'it said nothing').replace(/\s+/g, ' ').replace(/[.;]$/, '')
  return text.length > 160 ? `${text.slice(0, 159)}…` : text
}

export function list (folder) { try { return fs.readdirSync(folder) } catch { return [] } }
export function readText (file) { try { return fs.readFileSync(file, 'utf8') } catch { return undefined } }
export function readJson (file) { try { return JSON.parse(fs.readFileSync(file, 'utf8')) } catch { return undefined } }
