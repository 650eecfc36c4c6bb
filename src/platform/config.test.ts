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

/** The example with this line for the keys of ingest, and a file of keys beside it. */
function keyed (t: TestContext, line: string, keys?: string): string {
  const config = file(t, configText().replaceAll('mapping/partner.yaml', fileURLToPath(new URL('../../mapping/partner.yaml', import.meta.url))).replace(/api_keys: \[\].*/, line))
  if (keys !== undefined) writeFileSync(path.join(path.dirname(config), 'keys.yaml'), keys)
  return config
}
const KEYS = [{ name: 'crm-bot', key: 'a'.repeat(32) }, { name: 'next', key: 'b'.repeat(32) }]

test('the keys of ingest stand in the file or in a YAML or JSON list of their own, relative to the file', (t) => {
  const yaml = KEYS.map(({ name, key }) => `- name: ${name}\n  key: "${key}"\n`).join('')
  const files = [keyed(t, `api_keys: ${JSON.stringify(KEYS)}`), keyed(t, 'api_keys_file: keys.yaml', yaml), keyed(t, 'api_keys_file: keys.yaml', JSON.stringify(KEYS)), keyed(t, 'api_keys: []')]
  assert.deepEqual(files.map(config => loadConfig(config, {}).ingest.api_keys), [KEYS, KEYS, KEYS, []])
})

test('a key in the file of keys may come from the environment or from a file beside it', (t) => {
  const config = keyed(t, 'api_keys_file: keys.yaml', '- { name: crm-bot, key: "${BOT_KEY}" }\n- { name: next, key_file: next.key }\n')
  writeFileSync(path.join(path.dirname(config), 'next.key'), 'b'.repeat(32) + '\n')
  assert.deepEqual(loadConfig(config, { BOT_KEY: 'a'.repeat(32) }).ingest.api_keys, KEYS)
  assert.throws(() => loadConfig(config, {}), /keys\.yaml: ingest\.api_keys_file\[0\]\.key: the environment variable BOT_KEY is not set/)
})

test('a file of keys that is away, broken, no list, or holds a key of another length is a mistake, and no key is shown', (t) => {
  const canary = 'canary'.padEnd(31, 'x')
  const bad: [RegExp, string | undefined, string?][] = [
    [/ingest\.api_keys_file: the file keys\.yaml does not exist/, undefined], [/keys\.yaml: line 1: not valid YAML/, `[{ name: ${canary}`], [/ingest\.api_keys: /, ''], [/ingest\.api_keys: /, `crm-bot: ${canary}`],
    [/ingest\.api_keys\[0\]\.key: an API key has exactly 32 characters/, `- { name: crm-bot, key: ${canary} }`], [/ingest\.api_keys\[0\]: unknown key role/, `- { name: a, key: ${canary}x, role: x }`],
    [/both api_keys and api_keys_file are set/, '[]', 'api_keys_file: keys.yaml\n  api_keys: []']
  ]
  for (const [message, keys, line] of bad) {
    assert.throws(() => loadConfig(keyed(t, line ?? 'api_keys_file: keys.yaml', keys), {}), (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /canary/)
      return true
    })
  }
})

function configText (): string {
  return readFileSync(EXAMPLE, 'utf8')
}
