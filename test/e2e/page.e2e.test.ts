import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { KEY, startSystem } from '../support/system.ts'

const HOSTILE = '<img src=x onerror="document.title=\'ran\'"> & «Насосы»'

/** What the page shows under a mark. */
async function shown (page: Page, mark: string): Promise<string> {
  return await page.getByTestId(mark).innerText()
}

test('the live page signs in with a query key, shows what the API says, filters, releases a parked deal when asked twice, and follows the browser\'s language', { timeout: 120_000 }, async (t) => {
  const system = await startSystem(t)
  const child = await system.run('all')
  const acme = system.simulator.portal('acme')
  for (const TITLE of [HOSTILE, 'Second', 'Third']) acme.create({ TITLE, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  // A stage that the mapping does not know: this deal is parked.
  const parked = acme.create({ TITLE: 'Parked', CATEGORY_ID: 0, STAGE_ID: 'NEW', CURRENCY_ID: 'RUB' })
  const summary = await system.settled(4)
  assert.equal(summary.ends['parked'], 1)

  const browser = await startBrowser(t)
  const complaints: string[] = []
  const open = async (locale: string): Promise<Page> => {
    const page = await browser.newPage({ locale, viewport: { width: 1200, height: 800 } })
    page.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text()) })
    page.on('pageerror', (error) => { complaints.push(String(error)) })
    await page.goto(system.query)
    return page
  }
  const page = await open('en-GB')
  assert.equal(await page.getAttribute('html', 'lang'), 'en')
  await page.getByTestId('sign-in-key').fill('a key that nobody has')
  await page.getByTestId('sign-in').click()
  await page.getByText('This key is not known.').waitFor()
  await page.getByTestId('sign-in-key').fill(KEY)
  await page.getByTestId('sign-in').click()
  await eventually(async () => await shown(page, 'count-signals') === '4')
  assert.deepEqual([await shown(page, 'count-applied'), await shown(page, 'count-parked')], ['3', '1'])
  await eventually(async () => await page.getByTestId('deal-row').count() === 4)
  assert.ok(await page.getByText(HOSTILE).isVisible())
  await page.getByTestId('filter-state').selectOption('parked')
  await eventually(async () => await page.getByTestId('deal-row').count() === 1)
  assert.match(await page.getByTestId('deal-row').innerText(), /Parked/)
  await page.getByTestId('filter-state').selectOption('')

  // What changes is seen without a touch.
  acme.create({ TITLE: 'Fifth', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  await page.getByText('Fifth').waitFor()
  const russian = await open('ru-RU')
  assert.equal(await russian.getAttribute('html', 'lang'), 'ru')
  await russian.getByTestId('sign-in-key').fill(KEY)
  await russian.getByTestId('sign-in').click()
  await russian.getByText('Перенесено', { exact: true }).waitFor()
  await russian.getByText('Этой стадии нет').waitFor()
  assert.notEqual(await page.title(), 'ran')
  assert.deepEqual(complaints, [])

  // The first answer to the question is no, and nothing is ordered.
  const signals = async (): Promise<number> => (await system.summary()).signals
  const before = await signals()
  const questions: string[] = []
  for (const accepted of [false, true]) {
    russian.once('dialog', (dialog) => { questions.push(dialog.message()); void (accepted ? dialog.accept() : dialog.dismiss()) })
    await russian.getByTestId('release').click()
    await eventually(() => questions.length === (accepted ? 2 : 1))
    if (!accepted) assert.equal(await signals(), before)
  }
  assert.match(questions[0] ?? '', /^Ещё одна попытка для этой сделки\?\nacme:\d+$/)
  await eventually(async () => await signals() === before + 1, { deadlineMs: 30_000 })
  await system.settled(before + 1)
  assert.match(JSON.stringify(await system.get(`/v1/deals/acme/${parked}/timeline`)), /An operator ordered: release/)
  const analyst = await open('en-GB')
  await analyst.route('**/v1/parked/release', route => route.fulfill({ status: 403, body: '{}' }))
  await analyst.getByTestId('sign-in-key').fill(KEY)
  await analyst.getByTestId('sign-in').click()
  await eventually(async () => await analyst.getByTestId('deal-row').count() === 5)
  assert.deepEqual([await analyst.getByTestId('release').count(), await page.getByTestId('release').count()], [0, 1])

  const pictures = process.env.DEALBRIDGE_TEST_PICTURES
  if (pictures !== undefined) {
    mkdirSync(pictures, { recursive: true })
    for (const [name, of] of [['en', page], ['ru', russian]] as const) await of.screenshot({ path: `${pictures}/page-${name}.png` })
  }

  child.kill('SIGKILL')
  await page.getByText('No answer; trying again').waitFor()
})
