import { existsSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { Browser } from 'playwright-core'

const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const FLAGS = ['--headless=shell', '--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/** A real Chromium without a window: the machine's own, else the one that an npm package carries with its libraries. Ends with the test. */
export async function startBrowser (t: Pick<TestContext, 'after'>): Promise<Browser> {
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath: SYSTEM.find(file => existsSync(file)) ?? await packaged(), args: FLAGS })
  t.after(() => browser.close())
  return browser
}

/** The package unpacks its libraries (nss, nspr, expat) only where it believes to run as a cloud function. */
async function packaged (): Promise<string> {
  process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs24.x'
  const { default: chromium } = await import('@sparticuz/chromium')
  return await chromium.executablePath()
}
