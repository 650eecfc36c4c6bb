import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { configSchema } from './config-schema.ts'
import { ConfigError, loadConfig } from './config.ts'

const EXAMPLE = fileURLToPath(new URL('../../dealbridge.example.yaml', import.meta.url))

function file (t: TestContext, text: string): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-config-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(path.join(dir, 'c.yaml'), text)
  return path.join(dir, 'c.yaml')
}

/** Every key of a schema, at any depth. */
function keysOf (schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = 'properties' in schema && typeof schema.properties === 'object' && schema.properties !== null ? Object.keys(schema.properties) : []
  return [...own, ...Object.values(schema).flatMap(keysOf)]
}

test('the example file is right, and it names every key of the schema at any depth', () => {
  const config = loadConfig(EXAMPLE, {})
  assert.equal(config.routes.get('acme')?.to, 'main')
  const keys = [...new Set(keysOf(z.toJSONSchema(configSchema, { io: 'input' })))]
  assert.ok(keys.length > 30)
  const text = configText()
  assert.deepEqual(keys.filter(key => !new RegExp(`\\b${key}(_file)?:`).test(text)), [])
})

test('all mistakes come at once, each with its path and what would be right', (t) => {
  const bad = file(t, 'version: 2\nkafak: {}\nportals: [{ name: "A B", role: source, domain: a }]\nroutes: []\n')
  assert.throws(() => loadConfig(bad, {}), (error: unknown) => {
    assert.ok(error instanceof ConfigError)
    const paths = error.mistakes.map(m => m.path)
    for (const wanted of ['version', 'kafka', 'portals.[0].name', 'routes', '']) assert.ok(paths.includes(wanted.replace('.[', '[')), `${wanted} in ${paths.join(' ')}`)
    return true
  })
})

test('a missing variable, a missing secret file and a secret given twice are mistakes, and no value is shown', (t) => {
  const bad = file(t, 'version: 1\npostgres: { url: "postgres://u:canary-secret@h/d", analyst_password_file: nowhere.txt }\nredis: { url: "redis://h", url_file: x }\ndata_dir: "${DEALBRIDGE_NOT_SET}"\n')
  assert.throws(() => loadConfig(bad, {}), (error: unknown) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /DEALBRIDGE_NOT_SET is not set/)
    assert.match(error.message, /nowhere\.txt does not exist/)
    assert.match(error.message, /both url and url_file/)
    assert.doesNotMatch(error.message, /canary-secret/)
    return true
  })
})

test('a rest_url over http is taken for this machine alone', (t) => {
  const text = configText().replace('rest_url: "https://acme', 'rest_url: "http://acme')
  assert.throws(() => loadConfig(file(t, text), {}), /http:\/\/ is for 127\.0\.0\.1/)
})

function configText (): string {
  return readFileSync(EXAMPLE, 'utf8')
}
