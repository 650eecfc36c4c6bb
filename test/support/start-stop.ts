import assert from 'node:assert/strict'
import { eventually } from './eventually.ts'

/** A long-running part as its test sees it. `isWorking` says whether exactly one of it is at work, `isGone` whether nothing of it is left. */
export interface LongRunning {
  start (): Promise<unknown>
  stop (): Promise<void>
  isWorking (): Promise<boolean>
  isGone (): Promise<boolean>
}

/**
 * The promise of every long-running part: a second start changes nothing, a second stop neither, a stop before the start or in
 * the middle of it is final and leaves nothing behind, and another one can then take its place. `make` gives a new part each time.
 */
export async function stressStartStop (make: () => LongRunning): Promise<void> {
  const twice = make()
  await Promise.all([twice.start(), twice.start()])
  await twice.start()
  await eventually(() => twice.isWorking(), { deadlineMs: 30_000 })
  await Promise.all([twice.stop(), twice.stop()])
  await twice.stop()
  assert.ok(await twice.isGone(), 'something is left after a stop')

  const neverStarted = make()
  await neverStarted.stop()
  await Promise.allSettled([neverStarted.start()])
  assert.ok(await neverStarted.isGone(), 'a start after the stop left something')

  const interrupted = make()
  const starting = Promise.allSettled([interrupted.start()])
  await interrupted.stop()
  await starting
  assert.ok(await interrupted.isGone(), 'a stop in the middle of the start left something')

  const last = make()
  await last.start()
  await eventually(() => last.isWorking(), { deadlineMs: 30_000 })
  await last.stop()
  assert.ok(await last.isGone(), 'something is left after the last stop')
}
