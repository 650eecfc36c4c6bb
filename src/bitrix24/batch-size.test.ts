import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBatchSize } from './batch-size.ts'

/** A portal that takes `msPerCommand` for each command and cuts at 60 s; gives how many of `requests` it cut, and the sizes. */
function send (msPerCommand: readonly number[]): { cut: boolean[], sizes: number[] } {
  const size = createBatchSize()
  const cut: boolean[] = []
  const sizes = msPerCommand.map((each) => {
    const commands = size.current()
    const tookMs = Math.min(60_000, commands * each)
    cut.push(tookMs === 60_000)
    size.learn({ commands, tookMs, isAnswered: tookMs < 60_000 })
    return commands
  })
  return { cut, sizes }
}

test('a portal that gets slow cuts at most six requests, then they fit', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 59_000 }), (each) => {
    const { cut, sizes } = send(Array.from({ length: 30 }, () => each))
    const last = cut.lastIndexOf(true)
    return last < 6 && sizes.every(size => size >= 1 && size <= 50)
  }))
})

test('what took more than half of the limit is sent in a smaller request before the portal cuts one', () => {
  assert.deepEqual(send([800, 800, 800]), { cut: [false, false, false], sizes: [50, 37, 37] })
})

test('a portal that is quick again gets full requests again', () => {
  assert.deepEqual(send([5000, 5000, 5000, 10, 10, 10, 10, 10, 10]).sizes.slice(-2), [50, 50])
})

test('a connection that breaks at once, and an answer to a small request, change nothing', () => {
  const size = createBatchSize()
  size.learn({ commands: 50, tookMs: 100, isAnswered: false })
  assert.equal(size.current(), 50)
  size.learn({ commands: 50, tookMs: 60_000, isAnswered: false })
  size.learn({ commands: 3, tookMs: 50, isAnswered: true })
  assert.equal(size.current(), 25)
})
