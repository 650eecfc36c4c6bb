import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'

const text = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

test('the service is started with the same flags from npm, from the image and by its own first line', () => {
  assert.ok(NODE_FLAGS.length > 0)
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> }
  assert.equal(scripts['dealbridge'], `exec node ${NODE_FLAGS.join(' ')} src/main/cli.ts`)
  assert.equal(text('src/main/cli.ts').split('\n')[0], `#!/usr/bin/env -S node ${NODE_FLAGS.join(' ')}`)
  assert.ok(text('deploy/Dockerfile').includes(`ENTRYPOINT ${JSON.stringify(['node', ...NODE_FLAGS, '/app/src/main/cli.ts']).replaceAll(',', ', ')}`))
})
